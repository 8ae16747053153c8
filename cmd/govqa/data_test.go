package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/govqa/govqa/corpus/store"
	"github.com/govqa/govqa/index"
	"github.com/govqa/govqa/nlp"
)

// guides are three matters that no question confuses.
func guides(t *testing.T) []string {
	t.Helper()
	return []string{
		line(t, "T-1", "食品经营许可证核发", map[string]any{"contact": "020-11112222", "promisedLimit": map[string]any{"n": 8, "unit": "工作日"}}),
		line(t, "T-2", "护照首次申领", map[string]any{"materials": []any{map[string]any{"name": "居民身份证"}}, "内部备注": "原样保留"}),
		line(t, "T-3", "公租房租金补贴申请", map[string]any{"condition": "无房家庭"}),
	}
}

func export(t *testing.T, data string) string {
	t.Helper()
	return must(t, "export", "-data", data, "-")
}

func TestImport(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	file := write(t, "事项.jsonl", guides(t)...)

	want(t, must(t, "import", "-data", data, file),
		[]string{file, "3 行", "accepted 3", "rejected 0", "不认识的字段 内部备注（1 行）", "已发布第 1 版"})
	first := export(t, data)
	if got := strings.Count(first, "\n"); got != 3 {
		t.Errorf("%d lines exported, want 3", got)
	}
	want(t, first, []string{`"内部备注":"原样保留"`})

	want(t, must(t, "import", "-data", data, file), []string{"accepted 0", "unchanged 3", "没有发布新版本"})

	changed := write(t, "改.jsonl", line(t, "T-1", "食品经营许可证核发（新）", nil), line(t, "T-4", "新事项", nil))
	want(t, must(t, "import", "-dry-run", "-data", data, changed), []string{"accepted 1", "changed 1", "试运行，没有写入"}, "已发布")
	if diff := cmp.Diff(first, export(t, data)); diff != "" {
		t.Errorf("a dry run changed the corpus (-before +after):\n%s", diff)
	}
	want(t, must(t, "import", "-data", data, changed), []string{"accepted 1", "changed 1", "已发布第 2 版"})
	want(t, export(t, data), []string{"食品经营许可证核发（新）", "T-4", "T-3"}, "020-11112222")
}

func TestImportOfABadRow(t *testing.T) {
	t.Parallel()
	data := imported(t)
	before := export(t, data)
	good := write(t, "好.jsonl", line(t, "G-1", "好的事项", nil))
	bad := write(t, "坏.jsonl",
		line(t, "B-1", "前面的好行", nil),
		line(t, "B-2", "限期写错", map[string]any{"promisedLimit": map[string]any{"n": 3, "unit": "旬"}}),
		`{"code":"B-3"`,
		line(t, "", "没有编码", nil))

	r := fails(t, "import", "-data", data, bad)
	want(t, r.out, []string{bad, "rejected 3", "第 2 行 B-2 promisedLimit.unit：单位", "第 3 行", "JSON 语法错误", "第 4 行", "code：必填", "该文件没有导入"})
	if diff := cmp.Diff(before, export(t, data)); diff != "" {
		t.Errorf("a file with a bad row changed the corpus (-before +after):\n%s", diff)
	}

	r = fails(t, "import", "-data", data, bad, good)
	want(t, r.out, []string{"已发布第 2 版"})
	want(t, export(t, data), []string{"G-1"}, "B-1")

	want(t, must(t, "import", "-skip-rejected", "-data", data, bad), []string{"accepted 1", "rejected 3", "已发布第 3 版"}, "没有导入")
	want(t, export(t, data), []string{"B-1", "G-1", "T-1"}, "B-2", "没有编码")
}

func TestImportOfTables(t *testing.T) {
	t.Parallel()
	table := "实施编码,事项名称,咨询电话,主管科室\nC-1,食品经营许可证核发,020-1234567,许可科\nC-2,护照首次申领,,出入境科\n"
	gb, err := simplifiedchinese.GB18030.NewEncoder().String(table)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ name, text string }{
		{"a table in UTF-8", table},
		{"a table as Excel saves it, with a byte order mark", "\ufeff" + table},
		{"a table in GB18030", gb},
	} {
		t.Run(row.name, func(t *testing.T) {
			data, path := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "清单.csv")
			if err := os.WriteFile(path, []byte(row.text), 0o600); err != nil {
				t.Fatal(err)
			}
			want(t, must(t, "import", "-data", data, path), []string{"accepted 2", "已发布第 1 版", "主管科室"})
			want(t, export(t, data), []string{`"code":"C-1"`, `"name":"食品经营许可证核发"`, "020-1234567", "许可科", "C-2"})
			want(t, must(t, "import", "-data", data, path), []string{"unchanged 2", "没有发布新版本"})
		})
	}
}

func TestImportOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	data := imported(t)
	before := export(t, data)
	fails(t, "import", "-data", data, filepath.Join(t.TempDir(), "没有.jsonl"))
	fails(t, "import", "-data", data, "-format", "docx", write(t, "事项.jsonl", guides(t)...))
	if diff := cmp.Diff(before, export(t, data)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

func TestExport(t *testing.T) {
	t.Parallel()
	data := imported(t)
	path := filepath.Join(t.TempDir(), "导出.jsonl")
	must(t, "export", "-data", data, path)
	if diff := cmp.Diff(export(t, data), read(t, path)); diff != "" {
		t.Errorf("the file differs from standard output (-stdout +file):\n%s", diff)
	}
	want(t, must(t, "import", "-data", data, path), []string{"unchanged 3", "没有发布新版本"})

	other := filepath.Join(t.TempDir(), "另一个")
	must(t, "import", "-data", other, path)
	if diff := cmp.Diff(read(t, path), export(t, other)); diff != "" {
		t.Errorf("an import of the export gives another export (-first +second):\n%s", diff)
	}
}

func TestExportOfAFolderThatIsNotThere(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"export", "backup"} {
		data, file := filepath.Join(t.TempDir(), "没有"), filepath.Join(t.TempDir(), "out")
		want(t, fails(t, command, "-data", data, file).err, []string{"govqa: " + command + ": ", data, "没有数据"})
		for _, path := range []string{data, file} {
			if _, err := os.Stat(path); !os.IsNotExist(err) {
				t.Errorf("%s made %s (%v)", command, path, err)
			}
		}
	}
}

func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	data := imported(t)
	must(t, "import", "-data", data, write(t, "改.jsonl", line(t, "T-2", "护照换发", nil)))
	path := filepath.Join(t.TempDir(), "备份")
	must(t, "backup", "-data", data, path)

	restored := filepath.Join(t.TempDir(), "新目录")
	want(t, must(t, "restore", "-data", restored, path), []string{"已恢复到第 2 版"})
	if diff := cmp.Diff(export(t, data), export(t, restored)); diff != "" {
		t.Errorf("restored (-before +after):\n%s", diff)
	}
	want(t, must(t, "ask", "-data", restored, "护照换发怎么办"), []string{"护照换发"}, "示例数据")
	want(t, must(t, "check", "-data", restored), []string{"核对无误", "索引与第 2 版一致（3 条）"})

	before := export(t, restored)
	want(t, fails(t, "restore", "-data", restored, path).err, []string{"目录不是空的"})
	if diff := cmp.Diff(before, export(t, restored)); diff != "" {
		t.Errorf("a refused restore changed the folder (-before +after):\n%s", diff)
	}
}

func TestRestoreOfADamagedBackup(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "备份")
	must(t, "backup", "-data", imported(t), path)
	whole := read(t, path)
	middle := len(whole) / 2
	for _, row := range []struct{ name, text string }{
		{"the end is missing", whole[:len(whole)-20]},
		{"half of it is missing", whole[:middle]},
		{"nothing is left", ""},
		{"a byte has changed", whole[:middle] + string(whole[middle]^0x40) + whole[middle+1:]},
		{"something has been added", whole + "x"},
		{"it is an export", export(t, imported(t))},
	} {
		t.Run(row.name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(row.text), 0o600); err != nil {
				t.Fatal(err)
			}
			data := filepath.Join(t.TempDir(), "data")
			want(t, fails(t, "restore", "-data", data, path).err, []string{"备份文件不完整或已损坏"})
			if left := tree(t, data); len(left) > 0 {
				t.Errorf("%d files are left", len(left))
			}
		})
	}
}

// damage changes one file of an index folder that matches the pattern.
func damage(pattern string, change func(path string, b []byte) error) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(names) == 0 {
			t.Fatalf("no %s in %s: %v", pattern, dir, err)
		}
		b, err := os.ReadFile(names[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := change(names[0], b); err != nil {
			t.Fatal(err)
		}
	}
}

func remove(path string, _ []byte) error { return os.RemoveAll(path) }

func halve(path string, b []byte) error { return os.WriteFile(path, b[:len(b)/2], 0o600) }

func empty(path string, _ []byte) error { return os.WriteFile(path, nil, 0o600) }

// garble turns every bit of the middle third.
func garble(path string, b []byte) error {
	for i := len(b) / 3; i < 2*len(b)/3; i++ {
		b[i] = ^b[i]
	}
	return os.WriteFile(path, b, 0o600)
}

func TestCheckOfADamagedIndex(t *testing.T) {
	t.Parallel()
	whole := imported(t)
	want(t, must(t, "check", "-data", whole), []string{"核对无误", "索引与第 1 版一致（3 条）"})
	halved := copied(t, whole)
	damage("edition-*/*.zap", halve)(t, indexDir(halved))
	want(t, must(t, "check", "-data", halved), []string{"索引是第 0 版，数据是第 1 版", "-rebuild", "核对无误"})
	want(t, must(t, "ask", "-data", halved, "食品经营许可证要多久"), []string{"8个工作日"})
	want(t, must(t, "check", "-data", halved), []string{"索引与第 1 版一致（3 条）"})

	garbled := copied(t, whole)
	damage("edition-*/*.zap", garble)(t, indexDir(garbled))
	want(t, must(t, "check", "-rebuild", "-data", garbled), []string{"索引已按第 1 版重建", "核对无误", "索引与第 1 版一致（3 条）"})
	want(t, must(t, "ask", "-data", garbled, "食品经营许可证要多久"), []string{"8个工作日"})
}

// TestStartWithADamagedIndex opens the folder as every command does, but with
// one dictionary for all rows.
func TestStartWithADamagedIndex(t *testing.T) {
	t.Parallel()
	whole := imported(t)
	l := <-loadSegmenter()
	if l.err != nil {
		t.Fatal(l.err)
	}
	defer l.seg.Close()
	for _, row := range []struct {
		name   string
		damage func(t *testing.T, dir string)
	}{
		{"the whole index is missing", damage("CURRENT", func(path string, _ []byte) error { return os.RemoveAll(filepath.Dir(path)) })},
		{"nothing says which generation is current", damage("CURRENT", remove)},
		{"the current generation is named wrongly", damage("CURRENT", garble)},
		{"a segment is missing", damage("edition-*/*.zap", remove)},
		{"a segment is empty", damage("edition-*/*.zap", empty)},
		{"a segment is cut off", damage("edition-*/*.zap", halve)},
		{"the list of segments is missing", damage("edition-*/root.bolt", remove)},
		{"the list of segments is empty", damage("edition-*/root.bolt", empty)},
		{"the list of segments is cut off", damage("edition-*/root.bolt", halve)},
		{"the list of segments is garbled", damage("edition-*/root.bolt", garble)},
	} {
		t.Run(row.name, func(t *testing.T) {
			data := copied(t, whole)
			row.damage(t, indexDir(data))
			s, err := store.Open(storeDir(data), store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			ix, err := index.Open(indexDir(data), l.seg, l.lex, index.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if e, err := ix.CatchUp(t.Context(), s); err != nil || e != 1 {
				t.Fatalf("the index is at edition %d: %v", e, err)
			}
			missing, extra, err := ix.Compare(s)
			if err != nil || len(missing) > 0 || len(extra) > 0 {
				t.Fatalf("the index lacks %v and has too much %v: %v", missing, extra, err)
			}
			parser := nlp.Parser{Segmenter: l.seg, Lexicon: l.lex}
			q := parser.Parse("食品经营许可证要多久")
			hits, err := ix.Search(t.Context(), index.Query{Question: &q})
			if err != nil || len(hits) == 0 || hits[0].Key.ID != "T-1" {
				t.Errorf("found %v: %v", hits, err)
			}
			if err := errors.Join(ix.Close(), s.Close()); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestCheckOfDamagedData(t *testing.T) {
	t.Parallel()
	data := imported(t)
	damage("*.sst", garble)(t, storeDir(data))
	before := tree(t, data)
	for _, args := range [][]string{{"check"}, {"export", "-"}, {"ask", "护照"}} {
		want(t, fails(t, append(args, "-data", data)...).err, []string{"数据已损坏"})
	}
	if diff := cmp.Diff(before, tree(t, data)); diff != "" {
		t.Errorf("a damaged folder has been changed (-before +after):\n%.2000s", diff)
	}
}
