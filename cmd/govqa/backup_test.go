package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/answer"
)

// call sends a request to the server and reads the JSON of the reply.
func (s *server) call(t *testing.T, method, path, body string, v any) {
	t.Helper()
	resp, err := request(t.Context(), http.DefaultClient, method, s.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %s", method, path, resp.Status)
	}
	if err := json.NewDecoder(resp.Body).Decode(v); err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
}

// A backup that is made while the service runs brings back, in another folder,
// the editions, what people did under the same pseudonyms, the messages with
// their receipts, and conversations that go on.
func TestBackupOfAServiceThatRuns(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s := serving(t, data)
	var took map[string]any
	for i := range 20 {
		s.call(t, http.MethodPost, "/api/v1/events", fmt.Sprintf(`[{"subject":"u-1","matter":"AL-JZ-%03d","type":"finish","time":"2026-01-%02dT08:00:00Z"}]`, i%3, i+1), &took)
	}
	said := s.ask(t, "居住证怎么办")
	letter := `{"kind":"建议","text":"大厅里多放几把椅子","id":"a"}`
	var receipt answer.Receipt
	s.call(t, http.MethodPost, "/api/v1/messages", letter, &receipt)
	var past any
	s.call(t, http.MethodGet, "/api/v1/subjects/u-1", "", &past)
	path := filepath.Join(t.TempDir(), "备份")
	must(t, "backup", "-data", data, path)
	s.stop(t)

	copied := filepath.Join(t.TempDir(), "data")
	want(t, must(t, "restore", "-data", copied, path), []string{"已恢复到第 1 版", "办事经历", "state.key", "subject.key"})
	if left, err := os.ReadDir(copied); err != nil || len(left) != 4 {
		t.Errorf("the restored folder has %v, %v", left, err)
	}
	want(t, fails(t, "restore", "-data", copied, path).err, []string{"目录不是空的"})
	want(t, must(t, "check", "-data", copied), []string{"核对无误", "办事经历与计数一致（1 人，20 条）"})
	r := serving(t, copied)
	var again any
	r.call(t, http.MethodGet, "/api/v1/subjects/u-1", "", &again)
	if diff := cmp.Diff(past, again); diff != "" {
		t.Errorf("what u-1 did (-before +after):\n%s", diff)
	}
	var same answer.Receipt
	if r.call(t, http.MethodPost, "/api/v1/messages", letter, &same); same != receipt {
		t.Errorf("the message sent again: %+v, want %+v", same, receipt)
	}
	question, err := json.Marshal(map[string]string{"text": "要多久", "state": said.State})
	if err != nil {
		t.Fatal(err)
	}
	var a answer.Answer
	if r.call(t, http.MethodPost, "/api/v1/ask", string(question), &a); a.Aspect != "time_limit" || len(a.Matters) == 0 || a.Matters[0].Code != "AL-JZ-002" {
		t.Errorf("the conversation does not go on: %+v", a)
	}
	r.stop(t)
}

// The parts of a backup are all there and right, or nothing is restored.
func TestRestoreOfADamagedHistory(t *testing.T) {
	t.Parallel()
	data := imported(t)
	must(t, "events", "import", "-data", data, transactions(t))
	path := filepath.Join(t.TempDir(), "备份")
	must(t, "backup", "-data", data, path)
	whole := read(t, path)
	head, past, _ := strings.Cut(whole, "history\n")
	at := len(head) + 200
	cut := strings.Index(whole, "store\n")
	for name, text := range map[string]string{
		"a byte of the history has changed": whole[:at] + string(whole[at]^1) + whole[at+1:],
		"the store is missing":              whole[:cut] + "end\n",
		"the key is missing":                backupMagic + "history\n" + past,
		"a part that nobody knows":          whole[:cut] + "surprise\n" + whole[cut:],
		"a file that is no key":             strings.Replace(whole, "file subject.key", "file ../evil", 1),
		"a key that is too long":            strings.Replace(whole, "subject.key 32", "subject.key 99999999999", 1),
		"a key that has changed":            strings.Replace(whole, "subject.key 32", "subject.key 31", 1),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		into := filepath.Join(t.TempDir(), "data")
		want(t, fails(t, "restore", "-data", into, path).err, []string{"备份文件不完整或已损坏"})
		if left := tree(t, into); len(left) > 0 {
			t.Errorf("%s: %d files are left", name, len(left))
		}
	}
}

// A backup that a version before histories were in it wrote can be restored.
func TestRestoreOfAnOldBackup(t *testing.T) {
	t.Parallel()
	data := imported(t)
	s, err := openStore(data, logTo(os.Stderr))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "旧备份")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{s.Backup(t.Context(), f), f.Close(), s.Close()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	into := filepath.Join(t.TempDir(), "data")
	want(t, must(t, "restore", "-data", into, path), []string{"已恢复到第 1 版", "旧格式"})
	if diff := cmp.Diff(export(t, data), export(t, into)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}
