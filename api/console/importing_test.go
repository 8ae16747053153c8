package console_test

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/api/staff/stafftest"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/sheet"
	"github.com/govqa/govqa/corpus/store"
)

// workbook makes an XLSX workbook of one sheet.
func workbook(t testing.TB, rows ...[]string) []byte {
	t.Helper()
	var buf bytes.Buffer
	err := sheet.WriteXLSX(&buf, []sheet.Output{{Name: "事项", Head: rows[0], Rows: func(yield func([]string, error) bool) {
		for _, row := range rows[1:] {
			if !yield(row, nil) {
				return
			}
		}
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// uploaded uploads a file and returns the page of its import.
func uploaded(t testing.TB, c *stafftest.Client, source, name string, file []byte) (path string, page stafftest.Reply) {
	t.Helper()
	r := send(t, c, "/console/import/upload", url.Values{"source": {source}, "note": {"部门导出"}}, name, file)
	page = follow(t, c, r)
	return r.Header.Get("Location"), page
}

// checked starts the dry run of an import and waits for it.
func checked(t testing.TB, c *stafftest.Client, path string, page stafftest.Reply, change func(url.Values)) stafftest.Reply {
	t.Helper()
	v := form(t, page.Body, "/console/import/check")
	if change != nil {
		change(v)
	}
	follow(t, c, c.Post("/console/import/check", v))
	return jobDone(t, c, path)
}

// saved makes drafts of an import and waits for it.
func saved(t testing.TB, c *stafftest.Client, path string, page stafftest.Reply, skip bool) stafftest.Reply {
	t.Helper()
	v := form(t, page.Body, "/console/import/save")
	if skip {
		v.Set("skip", "1")
	}
	follow(t, c, c.Post("/console/import/save", v))
	return jobDone(t, c, path)
}

// A table with columns of its own becomes drafts: what is not understood is
// asked and remembered, what would change is shown first, bad rows can be had
// back, and nothing is published.
func TestImportOfATable(t *testing.T) {
	x := open(t, residence())
	editor := x.As(t, "小李", "editor")
	file := workbook(t, []string{"流水号码", "事项名称", "多少钱", "承诺办结时限"},
		[]string{"AL-JZ-1", "居住证补发", "10元", "5个工作日"}, []string{"AL-NEW", "新事项", "", "3个工作日"}, []string{"AL-BAD", "坏事项", "", "大约五天"})
	path, page := uploaded(t, editor, "公安系统", "../../etc/事项.xlsx", file)
	if !strings.Contains(page.Body, "没有认出表头") || strings.Contains(page.Body, "etc") {
		t.Errorf("the page says %s", said(page.Body))
	}
	give := func(v url.Values) {
		for i, h := range v["header"] {
			switch h {
			case "流水号码":
				v["field"][i] = "code"
			case "多少钱":
				v["field"][i] = "fee.amount"
			}
		}
	}
	page = checked(t, editor, path, page, give)
	text := said(page.Body)
	for _, want := range []string{"行 3 新增 1 变更 1 未变 0 重复 0 拒绝 1", "大约五天", "收费项目", "新事项 新增"} {
		if !strings.Contains(text, want) {
			t.Errorf("the dry run does not say %q: %s", want, text)
		}
	}
	if drafts, err := x.store.Drafts(); err != nil || len(drafts) > 0 {
		t.Fatalf("the dry run left %d drafts: %v", len(drafts), err)
	}
	if r := editor.Post("/console/import/save", form(t, page.Body, "/console/import/save")); r.Status != http.StatusUnprocessableEntity {
		t.Errorf("bad rows are passed over without a word: %d", r.Status)
	}
	rejected := editor.Get(strings.Replace(path, "/job?", "/rejected?", 1))
	if rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(rejected.Body, "\ufeff"))).ReadAll(); err != nil || len(rows) != 2 || rows[1][0] != "4" || rows[1][2] != "promisedLimit" {
		t.Errorf("rejected rows: %q, %v", rejected.Body, err)
	}
	page = saved(t, editor, path, page, true)
	if !strings.Contains(page.Body, "看这批草稿") || x.store.Edition() != 1 {
		t.Fatalf("saved: %s", said(page.Body))
	}
	want := residence() // the table has no columns for the rest, which stays
	want.Fee.Items = []corpus.FeeItem{{Amount: "10元"}}
	d, err := x.store.Draft(want.Key())
	if diff := cmp.Diff(corpus.Record(want), d.Record); diff != "" {
		t.Errorf("draft (-want +got):\n%s", diff)
	}
	if err != nil || d.State != store.Drafting || d.Actor != "小李" || d.Batch == "" {
		t.Fatalf("draft %+v, %v", d.DraftInfo, err)
	}
	// The next file of that source needs no questions.
	if _, page = uploaded(t, editor, "公安系统", "又一次.xlsx", file); strings.Contains(page.Body, "没有认出表头") {
		t.Errorf("the columns are forgotten: %s", said(page.Body))
	}
	follow(t, editor, editor.Post("/console/import/undo", form(t, editor.Get(path).Body, "/console/import/undo")))
	if drafts, err := x.store.Drafts(); err != nil || len(drafts) > 0 {
		t.Errorf("taken back, %d drafts are left: %v", len(drafts), err)
	}
}

// A policy is cut at its headings, and each part leads to its place.
func TestImportOfAPolicy(t *testing.T) {
	x := open(t)
	editor := x.As(t, "小李", "editor")
	law := []byte(`<html><body><h1>安澜市居住证办法</h1><p>安政发〔2026〕1号</p><h2 id="c1">第一章 总则</h2><p>第一条 为了……</p><h2 id="c2">第二章 收费</h2><p>第二条 首次申领不收费。</p></body></html>`)
	path, page := uploaded(t, editor, "", "办法.html", law)
	page = checked(t, editor, path, page, func(v url.Values) {
		v.Set("policy", "P-2026-1")
		v.Set("url", "https://www.example.gov.cn/law.html")
		v.Set("from", "2026-12-01")
		v.Set("supersedes", "P-2020-3")
		v.Set("level", "2")
	})
	saved(t, editor, path, page, false)
	var got []string
	drafts, err := x.store.Drafts()
	for _, info := range drafts {
		d, err := x.store.Draft(info.Key)
		if err != nil {
			t.Fatal(err)
		}
		p := d.Record.(*corpus.Policy)
		got = append(got, fmt.Sprintf("%s %s %s %s", p.ID, p.Title, p.Source.URL, strings.ReplaceAll(p.Text, "\n", "/")))
	}
	want := []string{
		"P-2026-1.1 安澜市居住证办法　安澜市居住证办法 https://www.example.gov.cn/law.html#:~:text=%E5%AE%89%E6%BE%9C%E5%B8%82%E5%B1%85%E4%BD%8F%E8%AF%81%E5%8A%9E%E6%B3%95 安澜市居住证办法/安政发〔2026〕1号",
		"P-2026-1.2 安澜市居住证办法　安澜市居住证办法 第一章 总则 https://www.example.gov.cn/law.html#c1 第一章 总则/第一条 为了……",
		"P-2026-1.3 安澜市居住证办法　安澜市居住证办法 第二章 收费 https://www.example.gov.cn/law.html#c2 第二章 收费/第二条 首次申领不收费。",
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("(-want +got):\n%s%v", diff, err)
	}
	if page := editor.Get("/console/record?key=policy%2FP-2026-1.2"); !strings.Contains(page.Body, "P-2020-3 没有对应的记录") {
		t.Errorf("nothing is said of the text that it supersedes: %s", said(page.Body))
	}
}

// A running import is called off and leaves nothing, and so does one that a
// crash has cut short.
func TestImportCutShort(t *testing.T) {
	if testing.Short() {
		t.Skip("sixty thousand rows; it runs without -short")
	}
	x := open(t)
	editor := x.As(t, "小李", "editor")
	var lines strings.Builder
	for i := range 60_000 {
		fmt.Fprintf(&lines, `{"code":"G-%05d","name":"事项%05d","condition":"%s"}`+"\n", i, i, strings.Repeat("申请人应当符合规定的条件；", 5))
	}
	path, page := uploaded(t, editor, "", "大.jsonl", []byte(lines.String()))
	page = checked(t, editor, path, page, nil)
	v := form(t, page.Body, "/console/import/save")
	busy := follow(t, editor, editor.Post("/console/import/save", v))
	follow(t, editor, editor.Post("/console/import/cancel", form(t, busy.Body, "/console/import/cancel")))
	if page = jobDone(t, editor, path); !strings.Contains(page.Body, "已取消，没有留下草稿") {
		t.Fatalf("called off: %s", said(page.Body))
	}
	if drafts, err := x.store.Drafts(); err != nil || len(drafts) > 0 {
		t.Errorf("%d drafts are left: %v", len(drafts), err)
	}
	if r := editor.Post("/console/import/save", v); r.Status != http.StatusConflict {
		t.Errorf("what was called off goes on: %d", r.Status)
	}
}

// What is uploaded with ill will is refused, costs little, and is not kept.
func TestUploadAttacks(t *testing.T) {
	if testing.Short() {
		t.Skip("unpacks gigabytes; it runs without -short")
	}
	x := open(t)
	editor := x.As(t, "小李", "editor")
	bomb := func(name string) []byte {
		var buf bytes.Buffer
		w := zip.NewWriter(&buf)
		for _, part := range []string{"[Content_Types].xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels", name} {
			f, err := w.Create(part)
			if err != nil {
				t.Fatal(err)
			}
			zeros := make([]byte, 1<<20)
			for range 1100 * boolInt(part == name) {
				if _, err := f.Write(zeros); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return buf.Bytes()
	}
	tests := []struct {
		why, name string
		file      []byte
	}{
		{"a program that is called a workbook", "费用.xlsx", append([]byte("MZ\x90\x00\x03\x00\x00\x00"), make([]byte, 4096)...)},
		{"a workbook that unpacks to a gigabyte", "费用.xlsx", bomb("xl/worksheets/sheet1.xml")},
		{"a document that unpacks to a gigabyte", "办法.docx", bomb("word/document.xml")},
		{"a picture", "x.csv", append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), make([]byte, 512)...)},
		{"a web page of an error that is called a table", "x.csv", []byte("<html><head><title>502 Bad Gateway</title></head><body></body></html>")},
		{"nothing", "x.csv", []byte{}},
		{"no columns", "x.csv", []byte("\n\n\n")},
		{"an encrypted or broken PDF", "x.pdf", []byte("%PDF-1.7\n1 0 obj <</Encrypt 2 0 R>> endobj\ntrailer")},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			r := send(t, editor, "/console/import/upload", url.Values{}, tt.name, tt.file)
			if r.Status < 400 || r.Status >= 500 || !strings.Contains(r.Body, "<main") {
				t.Errorf("%d %s", r.Status, said(r.Body))
			}
			if entries, err := os.ReadDir(x.dir); err == nil && len(entries) > 0 {
				t.Errorf("%d files are kept", len(entries))
			}
		})
	}
	// A name with a path is a name, and a file lies under a name of ours.
	for _, name := range []string{"../../../tmp/evil.csv", `..\..\evil.csv`, "/etc/passwd", ".."} {
		path, page := uploaded(t, editor, "", strings.ReplaceAll(name, `\`, `\\`), []byte("事项编码,事项名称\nA,甲\n"))
		if strings.Contains(said(page.Body), "..") && name != ".." || strings.Contains(said(page.Body), "/etc") {
			t.Errorf("%q is shown as %s", name, said(page.Body))
		}
		entries, err := os.ReadDir(x.dir)
		if err != nil || len(entries) != 1 || entries[0].Name() != strings.TrimPrefix(path, "/console/import/job?id=") {
			t.Errorf("%q lies at %v, %v", name, entries, err)
		}
		for _, e := range entries {
			if err := os.Remove(x.dir + "/" + e.Name()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, id := range []string{"../secret", "..%2f..%2fx", strings.Repeat("a", 24), strings.Repeat("A", 24)} {
		if r := editor.Get("/console/import/job?id=" + id); r.Status != http.StatusNotFound {
			t.Errorf("import %q: %d", id, r.Status)
		}
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// A long body is refused before it is read, unless somebody who is logged in
// sends it to where long bodies belong.
func TestLongBodies(t *testing.T) {
	x := open(t)
	editor, stranger := x.As(t, "小李", "editor"), x.Stranger(t)
	long := strings.Repeat("x", 3<<20)
	tests := []struct {
		who  *stafftest.Client
		path string
		want int
	}{
		{stranger, "/console/import/upload", http.StatusRequestEntityTooLarge},
		{stranger, "/api/v1/ask", http.StatusRequestEntityTooLarge},
		{editor, "/api/v1/ask", http.StatusRequestEntityTooLarge},
		{editor, "/console/edit", http.StatusForbidden}, // read, and refused for its missing token
	}
	for _, tt := range tests {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, x.URL+tt.path, strings.NewReader(long))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for _, c := range tt.who.Cookies() {
			req.AddCookie(c)
		}
		resp, err := http.DefaultClient.Do(req)
		// Who is refused may find the line cut before all is sent.
		if cut := errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE); cut && tt.want == http.StatusRequestEntityTooLarge {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil || resp.StatusCode != tt.want {
			t.Errorf("%s of %q: %d, want %d, %v", tt.path, tt.who.Name, resp.StatusCode, tt.want, err)
		}
	}
}

// An export is read again as it was, and no cell of it is a formula.
func TestExport(t *testing.T) {
	evil := residence()
	evil.Code, evil.Name, evil.Condition = "AL-EVIL", `=HYPERLINK("https://evil.example","点我")`, "@SUM(1+1)*cmd|' /C calc'!A0"
	evil.Materials[0].Name, evil.Contact = "+86", "-12345"
	x := open(t, residence(), evil)
	editor := x.As(t, "小李", "editor")
	get := func(format string) stafftest.Reply {
		t.Helper()
		r := editor.Get("/console/export/file?type=guide&format=" + format)
		if r.Status != http.StatusOK || !strings.HasPrefix(r.Header.Get("Content-Disposition"), "attachment") {
			t.Fatalf("%s: %d %v", format, r.Status, r.Header)
		}
		return r
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(get("csv").Body, "\ufeff"))).ReadAll()
	if err != nil || len(rows) != 3 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		for _, c := range row {
			if c != "" && strings.ContainsRune("=+-@\t\r", rune(c[0])) {
				t.Errorf("a formula: %q", c)
			}
		}
	}
	for _, format := range []string{"jsonl", "xlsx"} {
		path, page := uploaded(t, editor, "", "再来."+format, []byte(get(format).Body))
		page = checked(t, editor, path, page, nil)
		if !strings.Contains(said(page.Body), "行 2 新增 0 变更 0 未变 2") {
			t.Errorf("%s read again: %s", format, said(page.Body))
		}
	}
	if r := editor.Get("/console/export/file?type=guide&format=jsonl&agency=城管"); r.Body != "" {
		t.Errorf("a filter that nothing passes gives %q", r.Body)
	}
	found := false
	for e, err := range x.store.AuditTrail(0) {
		if err != nil {
			t.Fatal(err)
		}
		found = found || e.Action == "export" && e.Actor == "小李"
	}
	if !found {
		t.Error("nobody can see who exported what")
	}
}
