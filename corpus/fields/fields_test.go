package fields_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/fields"
	"github.com/govqa/govqa/corpus/sample"
)

// records is one record of each type, with every field that the format has.
func records(t *testing.T) []corpus.Record {
	t.Helper()
	lines := []string{
		`{"code":"A-1","name":"居住证申领","shortName":"居住证","aliases":["办居住证","暂住证"],"parent":"居住证","situation":"首次","kind":"行政确认","process":"承诺件","level":"县级","agency":{"name":"公安局","code":"X"},"region":{"code":"990100","name":"安澜市"},"audience":["自然人","企业法人"],"themes":["户籍办理"],"scope":"全市","related":["A-2"],"condition":"住半年\n有住所","materials":[{"name":"身份证","kind":"原件","form":"纸质","copies":1,"need":"必要","source":"申请人自备","note":"当场还","blank":"https://a.example/b","sample":"https://a.example/s","when":"本人"},{"name":"身份证"}],"steps":["申请","受理"],"legalLimit":{"n":15,"unit":"日","note":"可延长"},"promisedLimit":{"n":0,"unit":"即办"},"visits":0,"visitReason":"核验","fee":{"charged":true,"items":[{"name":"工本费","amount":"20元/证","basis":"发改"}]},"places":[{"name":"大厅","address":"一路","hours":"9—17","phone":"0900-1"}],"contact":"0900-1","complaint":"0900-2","onlineURL":"https://a.example/o","mobileURL":"https://a.example/m","bookingURL":"https://a.example/k","channel":"窗口","booking":false,"express":true,"agent":false,"result":"居住证","validity":"1年","basis":[{"name":"条例","number":"663","article":"九","text":"正文"}],"faqs":[{"q":"问","a":"答"}],"internal":{"wording":"口径","transfer":"转公安","phone":"0900-9"},"effective":{"from":"2026-01-01","to":"2027-01-01"},"source":{"url":"https://a.example/","updated":"2026-05-12","sample":true},"备用":{"x":[1,2]}}`,
		`{"type":"faq","id":"F-1","question":"问？","similar":["别问"],"counter":["反问"],"visibility":"operator","answer":"答\n第二行","agency":{"name":"局"},"region":{"code":"990100"},"themes":["其他"],"matter":"A-1","effective":{"from":"2026-01-01"},"source":{"updated":"2026-01-01"}}`,
		`{"type":"policy","id":"P-1","title":"办法","number":"1号","visibility":"public","text":"正文","agency":{"code":"Y"},"region":{"name":"安澜"},"effective":{"to":"2026-01-01"},"supersedes":["P-0"],"source":{"url":"https://a.example/p"}}`,
		`{"type":"bundle","id":"B-1","name":"出生一件事","aliases":["生孩子"],"stage":"出生","region":{"code":"990100"},"audience":["自然人"],"steps":[{"matter":"A-1","name":"落户"},{"matter":"A-2","after":["A-1"],"optional":true,"note":"自愿"}],"status":"draft","effective":{"from":"2026-01-01"},"source":{"url":"https://a.example/b"}}`,
		`{"type":"region","code":"990101","name":"听涛区","aliases":["听涛"]}`,
		`{"type":"word","id":"W-1","word":"上户口","official":["出生登记"],"bothWays":true,"confidence":0.9,"region":{"code":"990100"},"kind":"everyday","note":"窗口"}`,
		`{"type":"hot","id":"H-1","question":"怎么上户口？","matter":"A-1","order":3,"region":{"code":"990100"},"audience":["自然人"],"effective":{"to":"2026-12-31"},"source":{"url":"https://a.example/h"}}`,
		`{"type":"reply","id":"human","text":"请拨打","calls":[{"label":"拨打","phone":"12345"}],"effective":{"to":"2026-12-31"},"source":{"updated":"2026-01-01"}}`,
		`{"type":"agency","code":"G-1","name":"公安局","aliases":["警察局"],"region":{"code":"990100"},"phone":"0900-1","complaint":"0900-2","address":"一路","hours":"9—17","url":"https://a.example/g","effective":{"from":"2026-01-01"},"source":{"updated":"2026-01-01"}}`,
	}
	var recs []corpus.Record
	for _, line := range lines {
		rec, err := corpus.Unmarshal([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		if err := rec.Validate(); err != nil {
			t.Fatal(err)
		}
		recs = append(recs, rec)
	}
	if len(recs) != len(corpus.Types) {
		t.Fatalf("%d records of %d types", len(recs), len(corpus.Types))
	}
	return recs
}

// What a form shows of a record is the record again, with what no form shows.
func TestFormsLoseNothing(t *testing.T) {
	all := records(t)
	for _, rows := range sample.Files() {
		for row := range rows {
			all = append(all, row.Record)
		}
	}
	for _, rec := range all {
		v, err := fields.Fill(rec)
		if err != nil {
			t.Fatal(err)
		}
		back, err := fields.Read(rec.Key().Type, rec, fields.Compact(rec.Key().Type, v))
		if err != nil {
			t.Errorf("%s: %v", rec.Key(), err)
			continue
		}
		if diff := cmp.Diff(rec, back); diff != "" {
			t.Errorf("%s (-want +got):\n%s", rec.Key(), diff)
		}
		if list, err := fields.Diff(rec, back, nil); err != nil || len(list) > 0 {
			t.Errorf("%s differs from itself: %+v, %v", rec.Key(), list, err)
		}
	}
}

// Every field of the format can be edited: what a form holds suffices to make
// the record, but for the keys that the format does not know.
func TestEveryFieldHasAnInput(t *testing.T) {
	for _, rec := range records(t) {
		v, err := fields.Fill(rec)
		if err != nil {
			t.Fatal(err)
		}
		got, err := fields.Read(rec.Key().Type, nil, v)
		if err != nil {
			t.Errorf("%s: %v", rec.Key(), err)
			continue
		}
		if extra := reflect.ValueOf(rec).Elem().FieldByName("Extra"); extra.Len() > 0 {
			extra.SetZero()
		}
		if diff := cmp.Diff(rec, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", rec.Key(), diff)
		}
		for _, s := range fields.Of(rec.Key().Type) {
			for _, f := range s.Fields {
				if f.Label == "" || f.Kind == fields.Group && !slices.ContainsFunc(f.Items, func(i fields.Field) bool { return i.Key == f.Name }) {
					t.Errorf("%s: field %s has no label or no name", rec.Key(), f.Key)
				}
			}
		}
	}
}

// A field that is added to the format needs an input, too.
func TestEveryKeyIsInTheTable(t *testing.T) {
	for _, rec := range records(t) {
		typ := rec.Key().Type
		keys := map[string]bool{"type": true}
		for _, s := range fields.Of(typ) {
			for _, f := range s.Fields {
				head, _, _ := strings.Cut(f.Key, ".")
				keys[head] = true
			}
		}
		for _, f := range reflect.VisibleFields(reflect.TypeOf(rec).Elem()) {
			key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if key != "" && key != "-" && !keys[key] {
				t.Errorf("%s: nobody can edit %q", typ, key)
			}
		}
	}
}

func TestRead(t *testing.T) {
	tests := []struct {
		why    string
		v      fields.Values
		want   string // the line; empty if it is refused
		faults map[string][]string
	}{
		{"empty inputs are absent, not empty", fields.Values{"code": {"A"}, "name": {" 甲 "}, "condition": {" "}, "fee.charged": {""}, "visits": {""}},
			`{"code":"A","name":"甲"}`, nil},
		{"zero visits are said", fields.Values{"code": {"A"}, "name": {"甲"}, "visits": {"0"}}, `{"code":"A","name":"甲","visits":0}`, nil},
		{"no charge is said", fields.Values{"code": {"A"}, "name": {"甲"}, "fee.charged": {"false"}}, `{"code":"A","name":"甲","fee":{"charged":false}}`, nil},
		{"empty rows are passed over", fields.Values{"code": {"A"}, "name": {"甲"}, "materials[0].name": {""}, "materials[1].name": {"身份证"}, "materials[1].copies": {"2"}},
			`{"code":"A","name":"甲","materials":[{"name":"身份证","copies":2}]}`, nil},
		{"line ends of browsers", fields.Values{"code": {"A"}, "name": {"甲"}, "condition": {"一\r\n二"}, "aliases": {"乙\r\n\r\n丙\r\n乙"}},
			`{"code":"A","name":"甲","aliases":["乙","丙"],"condition":"一\n二"}`, nil},
		{"a limit on the spot", fields.Values{"code": {"A"}, "name": {"甲"}, "promisedLimit.unit": {"即办"}}, `{"code":"A","name":"甲","promisedLimit":{"n":0,"unit":"即办"}}`, nil},
		{"a unit without a number is not on the spot", fields.Values{"code": {"A"}, "name": {"甲"}, "promisedLimit.unit": {"工作日"}}, "",
			map[string][]string{"promisedLimit.n": {"请填写数字；当场办结的选“即办”"}}},
		{"a number without a unit", fields.Values{"code": {"A"}, "name": {"甲"}, "legalLimit.n": {"5"}}, "", map[string][]string{"legalLimit.unit": {"请选择单位"}}},
		{"no working days at all", fields.Values{"code": {"A"}, "name": {"甲"}, "legalLimit.n": {"0"}, "legalLimit.unit": {"工作日"}}, "",
			map[string][]string{"legalLimit.n": {"0 表示当场办结，请选“即办”"}}},
		{"a word for a number", fields.Values{"code": {"A"}, "name": {"甲"}, "visits": {"一次"}}, "", map[string][]string{"visits": {`"一次" 不是整数`}}},
		{"faults of the format have the names of inputs", fields.Values{"code": {"A"}, "name": {""}, "materials[0].note": {"无"}}, "",
			map[string][]string{"name": {"必填"}, "materials[0].name": {"必填"}}},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			rec, err := fields.Read(corpus.TypeGuide, nil, fields.Compact(corpus.TypeGuide, tt.v))
			if diff := cmp.Diff(tt.faults, faults(err)); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
			if err != nil {
				return
			}
			line, err := corpus.Marshal(rec)
			if err != nil || string(line) != tt.want {
				t.Errorf("%s, %v, want %s", line, err, tt.want)
			}
		})
	}
}

func faults(err error) map[string][]string {
	if err == nil {
		return nil
	}
	return fields.Faults(err)
}

// said writes differences as an editor sees them: [-gone-]{+came+}.
func said(list []fields.Difference) []string {
	var all []string
	for _, d := range list {
		var b strings.Builder
		b.WriteString(d.Label + "：")
		for _, p := range d.Pieces {
			switch p.Op {
			case fields.Gone:
				b.WriteString("[-" + p.Text + "-]")
			case fields.Came:
				b.WriteString("{+" + p.Text + "+}")
			default:
				b.WriteString(p.Text)
			}
		}
		all = append(all, b.String())
	}
	return all
}

func TestDiff(t *testing.T) {
	tests := []struct {
		why, before, after string
		want               []string
	}{
		{"a fee that becomes known", `{"code":"A","name":"甲"}`, `{"code":"A","name":"甲","fee":{"charged":true,"items":[{"name":"工本费","amount":"20元"}]}}`,
			[]string{"是否收费：{+是+}", "收费项目「工本费」项目名称：{+工本费+}", "收费项目「工本费」收费标准：{+20元+}"}},
		{"a number is one word", `{"code":"A","name":"甲","condition":"满15周岁的人"}`, `{"code":"A","name":"甲","condition":"满5周岁的人"}`, []string{"受理条件：满[-15-]{+5+}周岁的人"}},
		{"a material before the others", `{"code":"A","name":"甲","materials":[{"name":"身份证","copies":1}]}`, `{"code":"A","name":"甲","materials":[{"name":"照片"},{"name":"身份证","copies":2}]}`,
			[]string{"申请材料「照片」材料名称：{+照片+}", "申请材料「身份证」份数：[-1-]{+2+}", "申请材料的次序：{+照片、身份证+}"}},
		{"another order of steps", `{"code":"A","name":"甲","steps":["申请","受理","决定"]}`, `{"code":"A","name":"甲","steps":["申请","决定"]}`, []string{"办理流程：申请\n[-受理\n-]决定"}},
		{"a limit", `{"code":"A","name":"甲","promisedLimit":{"n":8,"unit":"工作日"}}`, `{"code":"A","name":"甲","promisedLimit":{"n":0,"unit":"即办"}}`, []string{"承诺办结时限：[-8个工作日-]{+当场办结+}"}},
		{"a key that no form shows", `{"code":"A","name":"甲","备用":"一"}`, `{"code":"A","name":"甲","备用":"二"}`, []string{`备用（其他字段）："[-一-]{+二+}"`}},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			before, err := corpus.Unmarshal([]byte(tt.before))
			if err != nil {
				t.Fatal(err)
			}
			after, err := corpus.Unmarshal([]byte(tt.after))
			if err != nil {
				t.Fatal(err)
			}
			list, err := fields.Diff(before, after, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, said(list)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	rec := records(t)[1]
	if list, err := fields.Diff(nil, rec, nil); err != nil || len(list) < 5 || list[0].Before != "" {
		t.Errorf("a new record: %q, %v", said(list), err)
	}
	if list, err := fields.Diff(rec, nil, nil); err != nil || len(list) < 5 || list[0].After != "" {
		t.Errorf("a removed record: %q, %v", said(list), err)
	}
}

// What both versions have, and one of them, are the two texts again.
func FuzzWords(f *testing.F) {
	f.Add("满15周岁的人", "满5周岁的人可以办")
	f.Add("a b\nc", "a  b c\n")
	f.Fuzz(func(t *testing.T, before, after string) {
		var was, is strings.Builder
		for _, p := range fields.Words(before, after, nil) {
			if p.Text == "" {
				t.Error("an empty piece")
			}
			if p.Op != fields.Came {
				was.WriteString(p.Text)
			}
			if p.Op != fields.Gone {
				is.WriteString(p.Text)
			}
		}
		if was.String() != before || is.String() != after {
			t.Errorf("%q, %q from %q, %q", was.String(), is.String(), before, after)
		}
	})
}

// A text of a whole law is compared in no time, too.
func TestWordsOfALongText(t *testing.T) {
	before := strings.Repeat("申请人应当提交下列材料。\n", 15_000)
	after := strings.Replace(before, "申请人", "当事人", 1) + "附则"
	list := fields.Words(before, after, nil)
	if len(list) < 2 || list[len(list)-1] != (fields.Piece{Op: fields.Came, Text: "附则"}) {
		t.Errorf("%d pieces, the last %+v", len(list), list[len(list)-1])
	}
}

func TestLabel(t *testing.T) {
	for path, want := range map[string]string{
		"name": "事项名称", "materials[0].name": "申请材料第 1 项的材料名称", "aliases[2]": "日常用语第 3 项",
		"promisedLimit.unit": "承诺办结时限", "fee.items[1].amount": "收费项目第 2 项的收费标准", "effective": "生效期间", "未知": "未知", "materials[x": "申请材料",
	} {
		if got := fields.Label(corpus.TypeGuide, path); got != want {
			t.Errorf("%s is called %q, want %q", path, got, want)
		}
	}
}
