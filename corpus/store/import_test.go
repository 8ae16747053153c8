package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/govqa/govqa/corpus"
)

func TestImport(t *testing.T) {
	const known = `{"code":"A","name":"甲"}`
	tests := []struct {
		name    string
		text    string
		opts    ImportOptions
		counts  Counts
		applied bool
		edition corpus.Edition
		rejects []Reject
		want    map[string]string
	}{
		{
			name:   "a new and a changed record",
			text:   "{\"code\":\"A\",\"name\":\"甲二\"}\n{\"code\":\"B\",\"name\":\"乙\"}",
			counts: Counts{Rows: 2, Accepted: 1, Changed: 1}, applied: true, edition: 2,
			want: map[string]string{"A": "甲二", "B": "乙"},
		}, {
			name:   "the same again publishes nothing",
			text:   known,
			counts: Counts{Rows: 1, Unchanged: 1}, applied: true,
			want: map[string]string{"A": "甲"},
		}, {
			name:   "a dry run changes nothing",
			text:   "{\"code\":\"A\",\"name\":\"甲二\"}\n{\"code\":\"B\",\"name\":\"乙\"}",
			opts:   ImportOptions{DryRun: true},
			counts: Counts{Rows: 2, Accepted: 1, Changed: 1}, applied: true,
			want: map[string]string{"A": "甲"},
		}, {
			name:   "a repeated row is reported and harmless",
			text:   "{\"code\":\"B\",\"name\":\"乙\"}\n{\"name\":\"乙\",\"code\":\"B\"}",
			counts: Counts{Rows: 2, Accepted: 1, Repeated: 1}, applied: true, edition: 2,
			want: map[string]string{"A": "甲", "B": "乙"},
		}, {
			name:    "one code with two contents rejects the file",
			text:    "{\"code\":\"B\",\"name\":\"乙\"}\n{\"code\":\"B\",\"name\":\"乙二\"}\n{\"code\":\"C\",\"name\":\"丙\"}",
			counts:  Counts{Rows: 3, Accepted: 2, RejectedRows: 1},
			rejects: []Reject{{"a.jsonl", 2, key("B"), "", "本次导入中已有同一编码而内容不同的记录"}},
			want:    map[string]string{"A": "甲"},
		}, {
			name:    "a bad row late in the file takes back the good ones before it",
			text:    "{\"code\":\"B\",\"name\":\"乙\"}\n{\"code\":\"C\"}",
			counts:  Counts{Rows: 2, Accepted: 1, RejectedRows: 1},
			rejects: []Reject{{"a.jsonl", 2, key("C"), "name", "必填"}},
			want:    map[string]string{"A": "甲"},
		}, {
			name:   "every fault of a row is listed",
			text:   `{"code":"C D","name":"丙","visits":-1}`,
			counts: Counts{Rows: 1, RejectedRows: 1},
			rejects: []Reject{
				{"a.jsonl", 1, key("C D"), "code", "编码不能含空白、控制字符或斜线"},
				{"a.jsonl", 1, key("C D"), "visits", "到场次数不能为负数"},
			},
			want: map[string]string{"A": "甲"},
		}, {
			name:   "with SkipRejected the good rows go in",
			text:   "{\"code\":\"B\",\"name\":\"乙\"}\nnonsense\n{\"code\":\"C\",\"name\":\"丙\"}",
			opts:   ImportOptions{SkipRejected: true},
			counts: Counts{Rows: 3, Accepted: 2, RejectedRows: 1}, applied: true, edition: 2,
			rejects: []Reject{{"a.jsonl", 2, corpus.Key{}, "", "不是导入格式：JSON 语法错误，第 2 字节附近"}},
			want:    map[string]string{"A": "甲", "B": "乙", "C": "丙"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, t.TempDir())
			importAll(t, s, guide("A", "甲"))
			tt.opts.Actor = "测试"
			report, err := s.Import(t.Context(), []File{lines(tt.text)}, tt.opts)
			if err != nil {
				t.Fatal(err)
			}
			want := Report{
				Files:   []FileReport{{Name: "a.jsonl", Counts: tt.counts, Applied: tt.applied, Rejected: tt.rejects}},
				Edition: tt.edition,
			}
			if tt.applied {
				want.Total = tt.counts
			}
			if diff := cmp.Diff(want, report, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.want, names(t, s, s.Edition())); diff != "" {
				t.Errorf("corpus (-want +got):\n%s", diff)
			}
			mustCheck(t, s)
		})
	}
}

func TestImportOfSeveralFilesIsOneEdition(t *testing.T) {
	s := open(t, t.TempDir())
	broken := corpus.ReadJSONL(iotest.TimeoutReader(strings.NewReader(strings.Repeat(`{"code":"T","name":"半"}`+"\n", 100_000))))
	report, err := s.Import(t.Context(), []File{
		{"bad", rows(guide("A", "甲"), guide("B", ""))},
		{"good", rows(guide("A", "甲后"), guide("C", "丙"))},
		{"cut", broken},
		{"same", rows(guide("C", "丙"))},
		{"other", rows(guide("C", "丙二"))},
	}, ImportOptions{Actor: "测试"})
	if err != nil {
		t.Fatal(err)
	}
	var applied []bool
	for _, f := range report.Files {
		applied = append(applied, f.Applied)
	}
	if diff := cmp.Diff([]bool{false, true, false, true, false}, applied); diff != "" {
		t.Errorf("applied (-want +got):\n%s", diff)
	}
	if report.Files[2].Failed == "" {
		t.Error("the file that could not be read has no reason")
	}
	if diff := cmp.Diff(Counts{Rows: 3, Accepted: 2, Repeated: 1}, report.Total); diff != "" {
		t.Errorf("total (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"A": "甲后", "C": "丙"}, names(t, s, 1)); diff != "" {
		t.Errorf("corpus (-want +got):\n%s", diff)
	}
	mustCheck(t, s)
}

func TestImportKeepsUnknownKeys(t *testing.T) {
	s := open(t, t.TempDir())
	report, err := s.Import(t.Context(), []File{lines(`{"code":"A","name":"甲","窗口":"<3>","x":1}`)}, ImportOptions{Actor: "测试"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"x": 1, "窗口": 1}, report.Files[0].UnknownKeys); diff != "" {
		t.Error(diff)
	}
	if got, want := export(t, s), `{"code":"A","name":"甲","x":1,"窗口":"<3>"}`+"\n"; got != want {
		t.Errorf("export %s want %s", got, want)
	}
}

func TestImportOfAnExportChangesNothing(t *testing.T) {
	s := open(t, t.TempDir())
	importAll(t, s, guide("A", "<甲&乙>"), guide("B", "乙"),
		&corpus.FAQ{Type: corpus.TypeFAQ, ID: "A", Question: "问\u2028", Answer: "答"})
	text := export(t, s)
	report, err := s.Import(t.Context(), []File{lines(text)}, ImportOptions{Actor: "测试"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Counts{Rows: 3, Unchanged: 3}, report.Total); diff != "" || report.Edition != 0 {
		t.Errorf("edition %d, %s", report.Edition, diff)
	}
	other := open(t, t.TempDir())
	if _, err := other.Import(t.Context(), []File{lines(text)}, ImportOptions{Actor: "测试"}); err != nil {
		t.Fatal(err)
	}
	if other.Current().Sum != s.Current().Sum {
		t.Error("the same content has another sum in another store")
	}
}

func TestCancelledImportLeavesNothing(t *testing.T) {
	s := open(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	many := func(yield func(corpus.Row) bool) {
		for i := range 5000 {
			if i == 4000 {
				cancel()
			}
			if !yield(corpus.Row{N: i + 1, Record: guide(fmt.Sprint(i), "名")}) {
				return
			}
		}
	}
	if _, err := s.Import(ctx, []File{{"many", many}}, ImportOptions{Actor: "测试"}); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want context.Canceled", err)
	}
	if s.Edition() != 0 {
		t.Errorf("edition %d was published", s.Edition())
	}
	mustCheck(t, s)
	importAll(t, s, guide("1", "另一"))
	if diff := cmp.Diff(map[string]string{"1": "另一"}, names(t, s, 1)); diff != "" {
		t.Errorf("corpus (-want +got):\n%s", diff)
	}
	mustCheck(t, s)
}

func TestImportTakesLargeAndRefusesUnreadableRecords(t *testing.T) {
	s := open(t, t.TempDir())
	big := &corpus.Policy{Type: corpus.TypePolicy, ID: "P", Title: "长文", Text: strings.Repeat("条", 199_000)}
	importAll(t, s, big, guide("A", "甲"))
	rec, err := s.Get(big.Key())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(big, rec); diff != "" {
		t.Error(diff)
	}
	report, err := s.Import(t.Context(), []File{{"by hand", rows(&corpus.FAQ{ID: "F", Question: "问", Answer: "答"})}}, ImportOptions{Actor: "测试"})
	if err != nil || len(report.Files[0].Rejected) != 1 || report.Files[0].Rejected[0].Field != "type" {
		t.Errorf("a record without its type: %+v, %v", report, err)
	}
	mustCheck(t, s)
}
