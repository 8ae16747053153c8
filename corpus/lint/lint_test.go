package lint_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/lint"
	"github.com/govqa/govqa/corpus/sample"
)

var today = time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)

// around knows guide A and agency 公安局, and that policy P-0 has no end.
var around = lint.Surrounding{
	Now:    today,
	Exists: func(k corpus.Key) bool { return k.ID == "A" || k.ID == "P-0" },
	Reply:  func(class string) bool { return class == "human" },
	Period: func(k corpus.Key) (corpus.Period, bool) { return corpus.Period{}, k.ID == "P-0" },
	Agency: func(name string) (bool, bool) { return name == "公安局", true },
}

// whole is a guide with which nothing is wrong.
const whole = `"code":"A","name":"居住证申领","aliases":["办居住证"],"condition":"住半年","materials":[{"name":"身份证","kind":"原件","copies":1}],"steps":["申请"],"places":[{"name":"大厅","hours":"9—17"}],"contact":"0900-5550100","basis":[{"name":"条例"}],"promisedLimit":{"n":5,"unit":"工作日"},"source":{"url":"https://a.example/","updated":"2026-01-01"},"agency":{"name":"公安局"}`

func TestCheck(t *testing.T) {
	free := `,"fee":{"charged":false}`
	tests := []struct {
		why, line string
		want      []string // field level
	}{
		{"nothing is wrong", `{` + whole + free + `}`, nil},
		{"a bare guide lacks what must be published", `{"code":"B","name":"乙","aliases":["y"],"source":{"url":"https://a.example/","updated":"2026-01-01"}}`,
			[]string{"condition missing", "materials missing", "steps missing", "places missing", "contact missing", "basis missing", "promisedLimit missing", "fee.charged missing"}},
		{"done on the spot, they say, in five days", `{` + whole + free + `,"process":"即办件"}`, []string{"promisedLimit grave"}},
		{"a promise longer than the law allows", `{` + whole + free + `,"legalLimit":{"n":5,"unit":"日"}}`, []string{"promisedLimit grave"}},
		{"a month is longer than five working days", `{` + whole + free + `,"legalLimit":{"n":1,"unit":"个月"}}`, nil},
		{"a charge without an amount", `{` + whole + `,"fee":{"charged":true}}`, []string{"fee.items grave"}},
		{"a charge without a basis", `{` + whole + `,"fee":{"charged":true,"items":[{"name":"工本费","amount":"20元"}]}}`, []string{"fee.items[0].basis missing"}},
		{"visits without a reason", `{` + whole + free + `,"visits":2}`, []string{"visitReason advice"}},
		{"complaints go to whom they are about", `{` + whole + free + `,"complaint":"0900-5550100"}`, []string{"complaint grave"}},
		{"a licence in one step", `{` + whole + free + `,"kind":"行政许可"}`, []string{"faqs advice", "steps advice"}},
		{"related to nothing", `{` + whole + free + `,"related":["A","Z"]}`, []string{"related[1] grave"}},
		{"over", `{` + whole + free + `,"effective":{"to":"2026-11-25"}}`, []string{"effective.to grave"}},
		{"over soon", `{` + whole + free + `,"effective":{"to":"2026-12-20"}}`, []string{"effective.to advice"}},
		{"not yet", `{` + whole + free + `,"effective":{"from":"2026-12-01"}}`, []string{"effective.from advice"}},
		{"an answer that the national table does not take", `{"type":"faq","id":"F","question":"问","similar":["x"],"answer":"` + fmt.Sprintf("%0257d", 1) + `","matter":"Z","source":{"url":"https://a.example/"},"agency":{"name":"公安厅"}}`,
			[]string{"matter grave", "answer advice", "agency.name advice"}},
		{"a policy that leaves the old one in force", `{"type":"policy","id":"P-1","title":"办法","number":"1","text":"文","effective":{"from":"2026-01-01"},"supersedes":["P-0","P-9"],"source":{"url":"https://a.example/"}}`,
			[]string{"supersedes[0] grave", "supersedes[1] grave"}},
		{"a life event with a matter that nobody has", `{"type":"bundle","id":"B","name":"出生","steps":[{"matter":"A"},{"matter":"Z"}]}`, []string{"steps[1].matter grave"}},
		{"a reply to nothing", `{"type":"reply","id":"humans","text":"好"}`, []string{"id grave"}},
		{"an agency that cannot be rung", `{"type":"agency","code":"G","name":"局","complaint":"找局长"}`, []string{"complaint grave", "phone missing"}},
		{"a number without its area", `{"type":"agency","code":"G","name":"局","phone":"5550100 转 2"}`, []string{"phone advice"}},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			rec, err := corpus.Unmarshal([]byte(tt.line))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range lint.Check(rec, around) {
				if r.Why == "" {
					t.Errorf("%s has no reason", r.Field)
				}
				got = append(got, r.Field+" "+string(r.Level))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestVagueMaterials(t *testing.T) {
	for name, want := range map[string]bool{
		"其他材料": true, "有关证明": true, "相关的材料": true, "法律法规规定的其他材料": true, "营业执照等材料": true,
		"身份证": false, "户口簿": false, "结婚证明": false, "其他股东的身份证": false,
	} {
		g := &corpus.Guide{Matter: corpus.Matter{Code: "A", Name: "甲"}, Materials: []corpus.Material{{Name: name, Kind: "原件", Copies: new(int)}}}
		got := false
		for _, r := range lint.Check(g, lint.Surrounding{}) {
			got = got || r.Field == "materials[0].name"
		}
		if got != want {
			t.Errorf("%q is vague: %v, want %v", name, got, want)
		}
	}
}

func TestConflicts(t *testing.T) {
	guide := func(code, name, agency, phone string, aliases ...string) *corpus.Guide {
		return &corpus.Guide{Matter: corpus.Matter{Code: code, Name: name, Agency: corpus.Agency{Name: agency}, Aliases: aliases,
			Region: corpus.Region{Code: "990100"}}, Contact: phone}
	}
	faq := func(id, question, answer string, similar ...string) *corpus.FAQ {
		return &corpus.FAQ{Type: corpus.TypeFAQ, ID: id, Question: question, Answer: answer, Similar: similar}
	}
	old := faq("F9", "工本费多少", "10元")
	old.Effective.To = "2026-01-01"
	elsewhere := faq("F8", "工本费多少", "30元")
	elsewhere.Region.Code = "990200"
	c := lint.NewConflicts(today)
	for _, rec := range []corpus.Record{
		faq("F1", "工本费多少？", "20元"), faq("F2", "补证收费吗", "25元。", "工本费　多少"), old, elsewhere,
		faq("F3", "几点开门", "9点"), faq("F4", "几点开门？", "9点。"),
		guide("A", "居住证申领", "公安局", "0900-5550100", "办证"), guide("B", "居住证申领", "公安局", "09005550100 或 12345"),
		guide("C", "犬只登记", "城管局", "0900-5550100；12345", "办证"),
		&corpus.AgencyEntry{Type: corpus.TypeAgency, Code: "G", Name: "公安局", Phone: "0900-5550100"},
	} {
		c.Add(rec)
	}
	var got []string
	for _, x := range c.List() {
		sides := make([]string, len(x.Sides))
		for i, s := range x.Sides {
			sides[i] = fmt.Sprintf(" %s=%s", s.Key.ID, s.Says)
		}
		got = append(got, fmt.Sprintf("%s %s：%s", x.Kind.Label(), x.What, strings.Join(sides, "")))
	}
	want := []string{
		"同一个问题，答案不同 工本费多少？： F1=20元 F2=25元。",
		"同一个电话，两个部门 09005550100： G=公安局 C=城管局",
		"同一部门、同一地区的同名事项 居住证申领： A= B=",
		"同一个问题，答案相同 几点开门： F3=9点 F4=9点。",
		"同一地区两个事项有同一个日常用语 办证（990100）： A= C=",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The sample city is an example in this, too: it contradicts itself nowhere.
func TestSampleIsClean(t *testing.T) {
	c := lint.NewConflicts(today)
	keys := map[corpus.Key]bool{}
	var all []corpus.Record
	for _, rows := range sample.Files() {
		for row := range rows {
			all, keys[row.Record.Key()] = append(all, row.Record), true
			c.Add(row.Record)
		}
	}
	for _, rec := range all {
		for _, r := range lint.Check(rec, lint.Surrounding{Now: today, Exists: func(k corpus.Key) bool { return keys[k] }}) {
			old := r.Field == "effective.to" && rec.Key().Type == corpus.TypePolicy // two show what no longer holds
			if r.Level == lint.Grave && !old {
				t.Errorf("%s %s: %s", rec.Key(), r.Field, r.Why)
			}
		}
	}
	for _, x := range c.List() {
		if x.Kind == lint.OtherAnswer {
			t.Errorf("%s %s: %+v", x.Kind, x.What, x.Sides)
		}
	}
}
