package corpus_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/corpus"
)

// What a line of each smaller record holds comes out again word for word.
func TestEntriesRoundTrip(t *testing.T) {
	lines := []string{
		`{"type":"hot","id":"H-1","question":"新生儿怎么上户口？","matter":"AL-HJ-001","order":1,"region":{"code":"990100"},"audience":["自然人"],"effective":{"from":"2026-09-01","to":"2026-12-31"},"source":{"url":"https://www.example.gov.cn/h"},"备注":"首页"}`,
		`{"type":"reply","id":"human","text":"请拨打 12345。","calls":[{"label":"拨打 12345","phone":"12345"}],"x":1}`,
		`{"type":"agency","code":"AL-GA","name":"安澜市公安局","aliases":["市公安局"],"region":{"code":"990100"},"phone":"0900-5550100","complaint":"0900-5550199","address":"一路","hours":"9:00—17:00","url":"https://www.example.gov.cn/ga","传真":"无"}`,
		`{"type":"faq","id":"F-1","question":"丢了身份证怎么补？","similar":["身份证丢了"],"counter":["捡到身份证怎么办"],"answer":"请补领。"}`,
	}
	for _, line := range lines {
		rec, err := corpus.Unmarshal([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		if err := rec.Validate(); err != nil {
			t.Errorf("%s: %v", rec.Key(), err)
		}
		back, err := corpus.Marshal(rec)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(line, string(back)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", rec.Key(), diff)
		}
	}
}

func TestEntriesValidate(t *testing.T) {
	tests := []struct {
		why, line string
		fields    []string // that break the format
	}{
		{"a hot question without a question", `{"type":"hot","id":"H","question":" "}`, []string{"question"}},
		{"a hot question too long to be asked", `{"type":"hot","id":"H","question":"` + strings.Repeat("问", 301) + `"}`, []string{"question"}},
		{"a hot question before the first", `{"type":"hot","id":"H","question":"问","order":-1}`, []string{"order"}},
		{"a hot question for nobody known", `{"type":"hot","id":"H","question":"问","audience":["火星人"]}`, []string{"audience[0]"}},
		{"a reply without a text", `{"type":"reply","id":"human","text":""}`, []string{"text"}},
		{"a reply whose number cannot be rung", `{"type":"reply","id":"human","text":"请拨打","calls":[{"label":"拨打","phone":"热线"}]}`, []string{"calls[0].phone"}},
		{"a reply with a number and an extension in words", `{"type":"reply","id":"human","text":"请拨打","calls":[{"label":"","phone":"12345转1"}]}`, []string{"calls[0].label", "calls[0].phone"}},
		{"an agency without a name", `{"type":"agency","code":"A","name":""}`, []string{"name"}},
		{"an agency with a script for a website", `{"type":"agency","code":"A","name":"局","url":"javascript:alert(1)"}`, []string{"url"}},
		{"an agency that ends before it begins", `{"type":"agency","code":"A","name":"局","effective":{"from":"2026-02-01","to":"2026-01-01"}}`, []string{"effective"}},
		{"a counter-question that is the question", `{"type":"faq","id":"F","question":"甲","answer":"乙","counter":["甲"]}`, []string{"counter[0]"}},
		{"a counter-question that is a similar one", `{"type":"faq","id":"F","question":"甲","similar":["丙"],"answer":"乙","counter":["丁","丙"]}`, []string{"counter[1]"}},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			rec, err := corpus.Unmarshal([]byte(tt.line))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.fields, faultyFields(rec.Validate())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// faultyFields lists the fields of the field errors that are joined in err.
func faultyFields(err error) (fields []string) {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		for _, e := range joined.Unwrap() {
			var fe *corpus.FieldError
			if errors.As(e, &fe) {
				fields = append(fields, fe.Field)
			}
		}
	}
	return fields
}
