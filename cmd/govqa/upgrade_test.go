package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/answer"
)

// testdata/layout1.* were made by the program as it was before there were an
// audit log, working documents and seals of histories: two editions, an
// account of one role, events of two people, a question, a rating and a
// message, in a data folder without its index, with a backup and an export.

// unpacked is a data folder of that version.
func unpacked(t *testing.T) string {
	t.Helper()
	f, err := os.Open("testdata/layout1.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	for files := tar.NewReader(z); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return data
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(data, filepath.Clean("/"+h.Name))
		if h.FileInfo().IsDir() {
			err = os.MkdirAll(path, 0o700)
		} else {
			var content []byte
			if content, err = io.ReadAll(files); err == nil {
				err = os.WriteFile(path, content, 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A folder of the version before opens, says what it said, and takes all that
// this version keeps; so does its backup.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	before := read(t, "testdata/layout1.jsonl")
	data := unpacked(t)
	if diff := cmp.Diff(before, export(t, data)); diff != "" {
		t.Errorf("export (-before +after):\n%s", diff)
	}
	want(t, must(t, "check", "-data", data), []string{"核对无误", "办事经历与计数一致（2 人，3 条）"})
	want(t, must(t, "user", "list", "-data", data), []string{"老账号", "admin"})
	want(t, must(t, "ask", "-data", data, "护照换发要多久"), []string{"5个工作日"})

	s := serving(t, data)
	var status answer.MessageStatus
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/api/v1/messages/989547713301", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Message-Code", "98045335")
	if send(t, req, &status); status.Text != "大厅里多放几把椅子" {
		t.Errorf("the message of then: %+v", status)
	}
	var again answer.Receipt
	if post(t, s, []byte(`{"kind":"建议","text":"大厅里多放几把椅子","id":"a"}`), &again); again.Number != "989547713301" {
		t.Errorf("sent again it has number %s", again.Number)
	}
	must(t, "webhook", "add", "-data", data, "https://portal.example.cn/hook")
	must(t, "import", "-data", data, write(t, "新.jsonl", line(t, "N-1", "无人机驾驶员合格证办理", nil)))
	s.stop(t)
	want(t, must(t, "check", "-data", data), []string{"核对无误"})

	restored := filepath.Join(t.TempDir(), "data")
	want(t, must(t, "restore", "-data", restored, "testdata/layout1.backup"), []string{"已恢复到第 2 版"})
	if diff := cmp.Diff(before, export(t, restored)); diff != "" {
		t.Errorf("restored (-before +after):\n%s", diff)
	}
	if n := strings.Count(before, "\n"); n != 3 {
		t.Errorf("the export of then has %d lines", n)
	}
}
