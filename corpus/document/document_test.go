package document_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/corpus/document"
)

// docx makes a document of a body in WordprocessingML.
func docx(t testing.TB, body string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	add := func(name, text string) {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	const ns = `xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"`
	add("[Content_Types].xml", `<Types/>`)
	add("word/styles.xml", `<w:styles `+ns+`><w:style w:styleId="1"><w:name w:val="heading 1"/></w:style><w:style w:styleId="BT"><w:name w:val="标题 2"/></w:style><w:style w:styleId="x"><w:name w:val="章"/><w:pPr><w:outlineLvl w:val="0"/></w:pPr></w:style></w:styles>`)
	add("word/document.xml", `<w:document `+ns+`><w:body>`+body+`</w:body></w:document>`)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func p(style, text string) string {
	pr := ""
	if style != "" {
		pr = `<w:pPr><w:pStyle w:val="` + style + `"/></w:pPr>`
	}
	return `<w:p>` + pr + `<w:r><w:t xml:space="preserve">` + text + `</w:t></w:r></w:p>`
}

func TestDOCX(t *testing.T) {
	body := p("1", "第一章 总则") + p("", "第一条 为了……。") + p("BT", "适用") +
		`<w:p><w:r><w:t>见</w:t></w:r><w:hyperlink><w:r><w:t>实施细则</w:t></w:r></w:hyperlink><w:ins><w:r><w:t>，费用</w:t></w:r></w:ins><w:del><w:r><w:delText>十</w:delText></w:r></w:del><w:ins><w:r><w:t>二十</w:t></w:r></w:ins><w:r><w:t>元</w:t></w:r></w:p>` +
		`<w:sdt><w:sdtContent>` + p("", "在控件里") + `</w:sdtContent></w:sdt>` +
		`<w:tbl><w:tr><w:tc>` + p("", "项目") + `</w:tc><w:tc>` + p("", "标准") + `</w:tc></w:tr><w:tr><w:tc>` + p("", "工本费") + p("", "（首次）") + `</w:tc><w:tc>` + p("", "20元") + `</w:tc></w:tr></w:tbl>` +
		`<w:p><w:r><w:t>上一行</w:t><w:br/><w:t>下一行</w:t></w:r></w:p>` + p("x", "附则")
	got, err := document.Read(t.Context(), docx(t, body))
	if err != nil {
		t.Fatal(err)
	}
	want := []document.Block{
		{Text: "第一章 总则", Heading: 1}, {Text: "第一条 为了……。"}, {Text: "适用", Heading: 2}, {Text: "见实施细则，费用二十元"}, {Text: "在控件里"},
		{Text: "项目　标准"}, {Text: "工本费 （首次）　20元"}, {Text: "上一行\n下一行"}, {Text: "附则", Heading: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestHTML(t *testing.T) {
	page := `<!doctype html><html><head><title>x</title><script>var a="脚本"</script></head><body><nav>首页</nav>
<h1 id="top">居住证办法</h1><div class="c"><h2><a name="c1"></a>第一章　总则</h2><p>第一条
 为了<b>规范</b>办理。<br>另起一行</p><h2 id="c2">第二章 申请</h2><ul><li>身份证</li><li>照片</li></ul>
<table><tr><td>工本费</td><td>20元</td></tr></table></div><footer>版权</footer></body></html>`
	got, err := document.Read(t.Context(), []byte(page))
	if err != nil {
		t.Fatal(err)
	}
	want := []document.Block{
		{Text: "居住证办法", Heading: 1, Anchor: "top"}, {Text: "第一章 总则", Heading: 2, Anchor: "c1"}, {Text: "第一条 为了规范办理。\n另起一行"},
		{Text: "第二章 申请", Heading: 2, Anchor: "c2"}, {Text: "身份证"}, {Text: "照片"}, {Text: "工本费 20元"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	pieces := document.Cut(got, 2, "https://a.example/law.html?x=1")
	var links []string
	for _, piece := range pieces {
		links = append(links, piece.Path+" → "+piece.Link)
	}
	wantLinks := []string{
		"居住证办法 → https://a.example/law.html?x=1#top", "居住证办法 第一章 总则 → https://a.example/law.html?x=1#c1", "居住证办法 第二章 申请 → https://a.example/law.html?x=1#c2",
	}
	if diff := cmp.Diff(wantLinks, links); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
	if want := "第二章 申请\n身份证\n照片\n工本费 20元"; pieces[2].Text != want {
		t.Errorf("the last piece is %q, want %q", pieces[2].Text, want)
	}
}

func TestPDF(t *testing.T) {
	data, err := os.ReadFile("testdata/办法.pdf")
	if err != nil {
		t.Fatal(err)
	}
	got, err := document.Read(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	pieces := document.Cut(got, 1, "https://a.example/law.pdf")
	var lines []string
	for _, piece := range pieces {
		lines = append(lines, fmt.Sprintf("%s|%s|%s", piece.Path, piece.Link, piece.Text))
	}
	want := []string{
		"|https://a.example/law.pdf#page=1|安澜市居住证工本费管理办法（虚构）",
		"第一章 总则|https://a.example/law.pdf#page=1|第一章 总则\n第一条 为了规范居住证工本费的收取，方便群众办理居住证的申领、换发和补发，依照有关规定，结合本市实际，制定本办法，虚构。\n第二条 首次申领居住证不收费。",
		"第二章 收费|https://a.example/law.pdf#page=2|第二章 收费\n第三条 换发、补发居住证每证收工本费 20 元，凭 ID card 办理。",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Files that are made to do harm, or are not what they say, are refused with
// words for the editor, and cost little.
func TestHostile(t *testing.T) {
	if testing.Short() {
		t.Skip("unpacks gigabytes; it runs without -short")
	}
	pdf, err := os.ReadFile("testdata/办法.pdf")
	if err != nil {
		t.Fatal(err)
	}
	bomb := docx(t, strings.Repeat(p("", strings.Repeat("零", 1000)), 30_000))
	tests := []struct {
		why  string
		data []byte
		want error
	}{
		{"a program", []byte("MZ\x90\x00\x03"), document.ErrFormat},
		{"nothing", nil, document.ErrFormat},
		{"a zip that is no document", zipOf(t, "x.txt", "x"), document.ErrFormat},
		{"a document that unpacks to a hundred megabytes", bomb, document.ErrTooLarge},
		{"a document cut off", docx(t, p("", "甲"))[:300], document.ErrFormat},
		{"a body that is no XML", docx(t, `<w:p><w:r>`), document.ErrFormat},
		{"a document without a word", docx(t, p("", "  ")), document.ErrNoText},
		{"a page nested without end", []byte("<html><body>" + strings.Repeat("<div>", 5000) + "x"), document.ErrFormat},
		{"a page of pictures", []byte("<html><body><img src=x></body></html>"), document.ErrNoText},
		{"a PDF cut off", pdf[:200], document.ErrFormat},
		{"a PDF of rubbish", append([]byte("%PDF-1.7\n"), bytes.Repeat([]byte{0xff, 0x00, '('}, 5000)...), document.ErrFormat},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			if blocks, err := document.Read(t.Context(), tt.data); !errors.Is(err, tt.want) {
				t.Errorf("%d blocks, %v, want %v", len(blocks), err, tt.want)
			}
		})
	}
}

func zipOf(t *testing.T, name, text string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	f, err := w.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// A law without styles is cut where its words say so.
func TestHeadingsByTheirWords(t *testing.T) {
	blocks, err := document.Read(t.Context(), docx(t, p("", "某办法")+p("", "第一章 总则")+p("", "第一条 依据第二章的规定办理。")+p("", "一、范围")+p("", "二、本办法自发布之日起施行。")+p("", "附件：")))
	if err != nil {
		t.Fatal(err)
	}
	var got []int
	for _, b := range blocks {
		got = append(got, b.Heading)
	}
	if diff := cmp.Diff([]int{0, 1, 0, 2, 0, 1}, got); diff != "" {
		t.Errorf("levels (-want +got):\n%s", diff)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("<html><body><h1>甲</h1><p>乙"))
	f.Add(docx(f, p("1", "甲")+p("", "乙")))
	f.Fuzz(func(t *testing.T, data []byte) {
		if document.Detect(data) == document.PDF {
			return // a sandbox for each would take too long
		}
		blocks, err := document.Read(context.Background(), data)
		if err != nil {
			return
		}
		var all strings.Builder
		for _, piece := range document.Cut(blocks, 3, "https://a.example/x") {
			all.WriteString(piece.Text)
		}
		for _, b := range blocks {
			if text := strings.TrimSpace(b.Text); !strings.Contains(all.String(), text) {
				t.Errorf("%q is lost", text)
			}
		}
	})
}
