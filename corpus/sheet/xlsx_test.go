package sheet

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/govqa/govqa/corpus"
	"github.com/xuri/excelize/v2"
)

func main1(rows ...[]any) sheetRows {
	return sheetRows{name: "事项清单", rows: append([][]any{{"实施编码", "事项名称"}}, rows...)}
}

func TestXLSXSubSheets(t *testing.T) {
	data := workbook(t, nil,
		main1([]any{"A1", "身份证补领"}, []any{"A2", "户口登记"}),
		sheetRows{name: "材料信息", rows: [][]any{
			{"事项编码", "事项名称", "名称", "类型", "份数", "是否必要", "来源渠道", "空白表格"},
			{"A1", "身份证补领", "户口簿", "1", 1, "是", "20", "https://a.example/f.pdf"},
			{"", "", "照片", "复印件", "２份", "否", "", "0a1b-guid"}}},
		sheetRows{name: "收费信息", rows: [][]any{{"实施编码", "项目名称", "标准", "依据"}, {"A1", "工本费", "40元/证", "某文件"}}},
		sheetRows{name: "办理地点", rows: [][]any{{"实施编码", "名称", "地址", "时间", "电话"}, {"A2", "大厅", "和风路1号", "9:00—17:00", "0900"}}},
		sheetRows{name: "常见问题", rows: [][]any{{"实施编码", "问题", "答案"}, {"A2", "要钱吗", "不要"}}},
		sheetRows{name: "设定依据", rows: [][]any{{"实施编码", "法规名称", "条款号"}, {"A2", "《户口登记条例》", "第七条"}}},
		sheetRows{name: "填表说明", rows: [][]any{{"本表由各部门填写"}}},
	)
	s := readXLSX(t, data, Options{})
	gs := guidesOf(t, s)
	diff(t, "A1", gs[0], &corpus.Guide{
		Matter: corpus.Matter{Code: "A1", Name: "身份证补领"},
		Materials: []corpus.Material{
			{Name: "户口簿", Kind: "原件", Copies: new(1), Need: "必要", Source: "政府部门核发", Blank: "https://a.example/f.pdf"},
			{Name: "照片", Kind: "复印件", Copies: new(2), Need: "非必要"}},
		Fee: &corpus.Fee{Items: []corpus.FeeItem{{Name: "工本费", Amount: "40元/证", Basis: "某文件"}}},
	})
	diff(t, "A2", gs[1], &corpus.Guide{
		Matter: corpus.Matter{Code: "A2", Name: "户口登记"},
		Places: []corpus.Place{{Name: "大厅", Address: "和风路1号", Hours: "9:00—17:00", Phone: "0900"}},
		FAQs:   []corpus.QA{{Q: "要钱吗", A: "不要"}},
		Basis:  []corpus.Basis{{Name: "《户口登记条例》", Article: "第七条"}},
	})
	var contents []string
	for _, m := range s.mappings {
		contents = append(contents, m.Content)
	}
	diff(t, "contents", contents, []string{"guide", "material", "fee", "place", "qa", "basis", ""})
	if len(s.warnings) != 1 || !strings.Contains(s.warnings[0].Why, "工作表「材料信息」第 3 行") {
		t.Errorf("warnings = %v, want the form that is no address", s.warnings)
	}
}

func TestXLSXOrphansAndBadSubRows(t *testing.T) {
	s := readXLSX(t, workbook(t, nil, main1([]any{"A1", "甲"}),
		sheetRows{name: "申请材料", rows: [][]any{{"实施编码", "材料名称", "份数"}, {"A1", "身份证", "若干"}, {"A9", "照片", 1}}}), Options{})
	errs := s.errors()
	if len(errs) != 2 || !strings.Contains(errs[0], "materials[0].copies") || !strings.Contains(errs[1], "guide/A9") {
		t.Errorf("errors = %v", errs)
	}
}

func TestXLSXFeesOfTheirOwnSheet(t *testing.T) {
	s := readXLSX(t, workbook(t, nil, main1([]any{"A1", "甲"}, []any{"A2", "乙"}, []any{"A3", "丙"}),
		sheetRows{name: "收费", rows: [][]any{{"", "是否收费", "收费标准"}, {"A0", "否", "1元"}}},
		sheetRows{name: "收费信息", rows: [][]any{{"实施编码", "是否收费", "收费标准"}, {"A1", "否", "无"}, {"A2", "是", "20元"}, {"A3", "暂无", "—"}}}), Options{})
	gs := guidesOf(t, s)
	diff(t, "free", gs[0].Fee, &corpus.Fee{Charged: new(false)})
	diff(t, "charged", gs[1].Fee, &corpus.Fee{Charged: new(true), Items: []corpus.FeeItem{{Amount: "20元"}}})
	diff(t, "not published", gs[2].Fee, (*corpus.Fee)(nil))
	diff(t, "a sheet without codes is said not to be read", s.mappings[1].Note, "没有认出表头")
}

func TestXLSXCopies(t *testing.T) {
	s := readXLSX(t, workbook(t, nil, main1([]any{"A1", "甲"}),
		sheetRows{name: "材料", rows: [][]any{{"实施编码", "材料名称", "份数", "原件份数", "复印件份数"},
			{"A1", "甲证", "原件：1，复印件：2"}, {"A1", "乙证", nil, 1, 0}, {"A1", "丙证", nil, nil, 2}}}), Options{})
	diff(t, "materials", guidesOf(t, s)[0].Materials, []corpus.Material{
		{Name: "甲证", Kind: "原件和复印件", Note: "原件1份，复印件2份"}, {Name: "乙证", Kind: "原件", Copies: new(1)}, {Name: "丙证", Kind: "复印件", Copies: new(2)}})
}

func TestXLSXMergedCells(t *testing.T) {
	data := workbook(t, nil, sheetRows{
		name: "清单",
		rows: [][]any{
			{"某市事项清单"},
			{"实施编码", "事项名称", "材料信息", nil, "收费"},
			{nil, nil, "名称", "份数", "标准"},
			{"A1", "甲", "身份证", 1, "40元"},
			{nil, nil, "照片", 2},
			{"A2", "乙", "申请表", 1, nil},
		},
		merges: []string{"A1:E1", "A2:A3", "B2:B3", "C2:D2", "A4:A5", "B4:B5", "E4:E5"},
	})
	s := readXLSX(t, data, Options{})
	diff(t, "guides", guidesOf(t, s), []*corpus.Guide{
		{Matter: corpus.Matter{Code: "A1", Name: "甲"}, Materials: []corpus.Material{{Name: "身份证", Copies: new(1)}, {Name: "照片", Copies: new(2)}},
			Fee: &corpus.Fee{Items: []corpus.FeeItem{{Amount: "40元"}}}},
		{Matter: corpus.Matter{Code: "A2", Name: "乙"}, Materials: []corpus.Material{{Name: "申请表", Copies: new(1)}}},
	})
	diff(t, "rows", []int{s.rows[0].N, s.rows[1].N}, []int{4, 6})
	diff(t, "header row", s.mappings[0].Row, 3)
}

func TestXLSXValues(t *testing.T) {
	data := workbook(t, func(f *excelize.File) {
		check(t, f.SetCellValue("事项清单", "C2", time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)))
	}, sheetRows{name: "事项清单", rows: [][]any{
		{"实施编码", "事项名称", "更新日期", "区划代码", "承诺办结时限", "备注"},
		{"A1", "甲", nil, 440106000000, "8个工作日", "=1+1"},
		{"A2", "乙", "2026年1月5日", 440106, "0", "<b>x</b>"}}})
	gs := guidesOf(t, readXLSX(t, data, Options{}))
	for i, code := range []corpus.RegionCode{"440106000000", "440106"} {
		diff(t, "date", gs[i].Source.Updated, "2026-01-05")
		diff(t, "region", gs[i].Region.Code, code)
	}
	diff(t, "text that looks like a formula", string(gs[0].Extra["备注"]), `"=1+1"`)
	diff(t, "on the spot", gs[1].PromisedLimit, limit(0, "即办", ""))
}

func TestXLSXSeveralMainSheets(t *testing.T) {
	row := func(theme string, more ...any) []any { return append([]any{"A1", "甲", theme}, more...) }
	head := []any{"实施编码", "事项名称", "主题分类", "更新日期"}
	data := workbook(t, nil,
		sheetRows{name: "户籍", rows: [][]any{head, row("户籍办理"), {"A3", "丙", "其他", "去年"}}},
		sheetRows{name: "证件", rows: [][]any{head, {"A2", "乙", "证件办理"}, row("证件办理")}},
		sheetRows{name: "知识", rows: [][]any{{"问题", "答案"}, {"问", "答案一"}}})
	s := readXLSX(t, data, Options{})
	g := s.rows[0].Record.(*corpus.Guide)
	diff(t, "themes of a matter on two sheets", g.Themes, []corpus.Theme{"户籍办理", "证件办理"})
	errs := s.errors()
	if len(s.rows) != 4 || len(errs) != 1 || !strings.Contains(errs[0], "工作表「户籍」") {
		t.Errorf("%d rows, errors %v", len(s.rows), errs)
	}
	if _, ok := s.rows[3].Record.(*corpus.FAQ); !ok {
		t.Errorf("last row is %v, want an FAQ", s.rows[3].Record)
	}
}

func TestXLSXGuidKeys(t *testing.T) {
	s := readXLSX(t, workbook(t, nil,
		sheetRows{name: "主表", rows: [][]any{{"实施编码", "事项名称", "row_guid"}, {"A1", "甲", "0a-1"}}},
		sheetRows{name: "材料", rows: [][]any{{"row_guid", "材料名称", "份数"}, {"0a-1", "身份证", 1}}}), Options{})
	diff(t, "materials", guidesOf(t, s)[0].Materials, []corpus.Material{{Name: "身份证", Copies: new(1)}})
}

// rezip writes a workbook again with some parts changed.
func rezip(t testing.TB, data []byte, change func(name string, content []byte) []byte) []byte {
	t.Helper()
	zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	check(t, err)
	var out bytes.Buffer
	zw := zip.NewWriter(&out)
	for _, f := range zr.File {
		rc, err := f.Open()
		check(t, err)
		var content bytes.Buffer
		_, err = content.ReadFrom(rc)
		check(t, err)
		w, err := zw.Create(f.Name)
		check(t, err)
		_, err = w.Write(change(f.Name, content.Bytes()))
		check(t, err)
	}
	check(t, zw.Close())
	return out.Bytes()
}

func inSheet(change func(string) string) func(string, []byte) []byte {
	return func(name string, content []byte) []byte {
		if name == "xl/worksheets/sheet1.xml" {
			return []byte(change(string(content)))
		}
		return content
	}
}

func TestXLSXWrongFiles(t *testing.T) {
	good := workbook(t, nil, main1([]any{"A1", "甲"}))
	var locked bytes.Buffer
	f := excelize.NewFile()
	check(t, f.SetSheetRow("Sheet1", "A1", &[]any{"实施编码", "事项名称"}))
	check(t, f.Write(&locked, excelize.Options{Password: "secret"}))
	cut := func(s string) string { return s[:len(s)*2/3] }
	bad := func(s string) string { return strings.Replace(s, "</sheetData>", "\x01</sheetData>", 1) }
	bomb := func(s string) string {
		return strings.Replace(s, "<sheetData>", "<sheetData><row r=\"1\"><c t=\"inlineStr\"><is><t>"+strings.Repeat("x", 2<<20), 1)
	}
	tests := []struct {
		name string
		data []byte
		opts Options
		want error
		says string
	}{
		{"a page saved as .xls", []byte("<html><table>"), Options{}, ErrFormat, "网页"},
		{"an old workbook", append(slices.Clone(oleMagic), "Workbook"...), Options{}, ErrFormat, "旧版 xls"},
		{"text", []byte("a,b,c"), Options{}, ErrFormat, "xlsx"},
		{"nothing", nil, Options{}, ErrFormat, "空的"},
		{"half a workbook", good[:len(good)/2], Options{}, ErrFormat, "损坏"},
		{"no workbook in the zip", rezip(t, good, func(string, []byte) []byte { return nil }), Options{}, ErrFormat, ""},
		{"a sheet cut short", rezip(t, good, inSheet(cut)), Options{}, ErrFormat, "不完整"},
		{"a control character", rezip(t, good, inSheet(bad)), Options{}, ErrFormat, "不允许的字符"},
		{"a cell of megabytes", rezip(t, good, inSheet(bomb)), Options{}, ErrTooLarge, "单元格"},
		{"too large", good, Options{MaxUnzipped: 1000}, ErrTooLarge, "解压"},
		{"no password", locked.Bytes(), Options{}, ErrPassword, "请提供密码"},
		{"a wrong password", locked.Bytes(), Options{Password: "guess"}, ErrPassword, "密码不对"},
		{"no header", workbook(t, nil, sheetRows{name: "表一", rows: [][]any{{"甲列", "乙列"}}}), Options{}, ErrHeader, "甲列、乙列"},
		{"empty", workbook(t, nil, sheetRows{name: "表一"}), Options{}, ErrHeader, "空的"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := ReadXLSX(bytes.NewReader(tt.data), int64(len(tt.data)), tt.opts)
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error = %v, want %v that says %s", err, tt.want, tt.says)
			}
		})
	}
}

func TestXLSXPassword(t *testing.T) {
	f := excelize.NewFile()
	check(t, f.SetSheetRow("Sheet1", "A1", &[]any{"实施编码", "事项名称"}))
	check(t, f.SetSheetRow("Sheet1", "A2", &[]any{"A1", "甲"}))
	var locked bytes.Buffer
	check(t, f.Write(&locked, excelize.Options{Password: "secret"}))
	s := readXLSX(t, locked.Bytes(), Options{Password: "secret"})
	diff(t, "guide", guidesOf(t, s)[0].Name, "甲")
}

func TestOpen(t *testing.T) {
	files := map[string][]byte{
		"a.jsonl": []byte(`{"code":"A1","name":"甲"}` + "\n"),
		"a.csv":   []byte("实施编码,事项名称\nA1,甲\n"),
		"a.xlsx":  workbook(t, nil, main1([]any{"A1", "甲"})),
		"a.xls":   workbook(t, nil, main1([]any{"A1", "甲"})), // a workbook under another name
	}
	dir := t.TempDir()
	for name, data := range files {
		check(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
		formats := []string{"", strings.TrimPrefix(filepath.Ext(name), ".")}
		if name == "a.xls" {
			formats = []string{"", "xlsx"}
		}
		for _, format := range formats {
			rows, closer, err := Open(filepath.Join(dir, name), format, Options{})
			if err != nil {
				t.Fatalf("%s as %q: %v", name, format, err)
			}
			got := slices.Collect(rows)
			if len(got) != 1 || got[0].Err != nil || got[0].Record.Key().ID != "A1" {
				t.Errorf("%s as %q: rows %v", name, format, got)
			}
			check(t, closer.Close())
		}
	}
	if _, _, err := Open(filepath.Join(dir, "a.csv"), "ods", Options{}); !errors.Is(err, ErrOption) {
		t.Errorf("error = %v, want ErrOption", err)
	}
	if _, _, err := Open(filepath.Join(dir, "none.csv"), "", Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error = %v, want os.ErrNotExist", err)
	}
	if _, _, err := Open(filepath.Join(dir, "a.csv"), "xlsx", Options{}); !errors.Is(err, ErrFormat) {
		t.Errorf("error = %v, want ErrFormat", err)
	}
}

// TestXLSXFromFiles reads a workbook whose parts are too large for memory and
// are unpacked to temporary files.
func TestXLSXFromFiles(t *testing.T) {
	const rows = 30_000
	f := excelize.NewFile()
	w, err := f.NewStreamWriter("Sheet1")
	check(t, err)
	check(t, w.SetRow("A1", []any{"实施编码", "事项名称", "受理条件"}))
	for n := range rows {
		check(t, w.SetRow(fmt.Sprintf("A%d", n+2), []any{fmt.Sprintf("A%06d", n), "事项", strings.Repeat("条件", 40)}))
	}
	check(t, w.Flush())
	path := filepath.Join(t.TempDir(), "big.xlsx")
	check(t, f.SaveAs(path))
	got, closer, err := Open(path, "", Options{})
	check(t, err)
	n := 0
	for row := range got {
		if row.Err != nil {
			t.Fatal(row.Err)
		}
		n++
	}
	check(t, closer.Close())
	if n != rows {
		t.Errorf("%d rows, want %d", n, rows)
	}
}

func FuzzXLSX(f *testing.F) {
	f.Add(workbook(f, nil, main1([]any{"A1", "甲"})))
	f.Add(workbook(f, nil, sheetRows{name: "清单", rows: [][]any{{"题"}, {"实施编码", "事项名称", "材料信息"}, {nil, nil, "名称"}, {"A1", "甲", "乙"}, {nil, nil, "丙"}},
		merges: []string{"A1:C1", "A4:A5"}}, sheetRows{name: "收费", rows: [][]any{{"实施编码", "标准"}, {"A1", "1元"}}}))
	base := workbook(f, nil, main1([]any{"A1", "甲"}))
	rezip(f, base, inSheet(func(s string) string { f.Add([]byte(s)); return s }))
	f.Add([]byte(`<worksheet><sheetData><row r="1"><c t="str"><v>实施编码</v></c><c t="str"><v>事项名称</v></c></row><row><c r="B9" t="s"><v>7</v></c></row></sheetData><mergeCells><mergeCell ref="A1:B3"/></mergeCells></worksheet>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<20 {
			return
		}
		tryXLSX(t, data)
		// Zip files hide their content from the fuzzer: as a sheet it is seen.
		tryXLSX(t, rezip(t, base, inSheet(func(string) string { return string(data) })))
	})
}

func tryXLSX(t *testing.T, data []byte) {
	s := new(seen)
	rows, closer, err := ReadXLSX(bytes.NewReader(data), int64(len(data)), s.options(Options{MaxUnzipped: 8 << 20}))
	if err != nil {
		return
	}
	s.draw(t, rows)
	check(t, closer.Close())
}

// BenchmarkCSV reads guides of a dozen columns.
func BenchmarkCSV(b *testing.B) {
	row := "A%06d,居民身份证补领,1,1,市公安局,440100,年满16周岁并丢失证件,20个工作日,8个工作日,否,0755-12345,1.户口簿（原件1份）；2.照片（2份）,户籍办理\n"
	var text strings.Builder
	text.WriteString("实施编码,事项名称,事项类型,服务对象,实施主体,区划代码,受理条件,法定办结时限,承诺办结时限,是否收费,咨询电话,申请材料,主题分类\n")
	const rows = 2_000
	for n := range rows {
		fmt.Fprintf(&text, row, n)
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		got, err := ReadCSV(strings.NewReader(text.String()), Options{})
		check(b, err)
		n := 0
		for row := range got {
			check(b, row.Err)
			n++
		}
		if n != rows {
			b.Fatalf("%d rows, want %d", n, rows)
		}
	}
}
