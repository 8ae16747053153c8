package corpus_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/corpus"
)

func TestPublic(t *testing.T) {
	for _, tt := range []struct {
		why, line, shown string // shown is empty where citizens see nothing
	}{
		{"a guide with internal knowledge", `{"code":"A","name":"甲","internal":{"wording":"口径","transfer":"转乙","phone":"1"}}`, `{"code":"A","name":"甲"}`},
		{"a guide without", `{"code":"A","name":"甲"}`, `{"code":"A","name":"甲"}`},
		{"a question that says nothing of who may see it", `{"type":"faq","id":"1","question":"问","answer":"答"}`, `{"type":"faq","id":"1","question":"问","answer":"答"}`},
		{"a public question", `{"type":"faq","id":"1","question":"问","answer":"答","visibility":"public"}`, `{"type":"faq","id":"1","question":"问","answer":"答","visibility":"public"}`},
		{"a question for operators", `{"type":"faq","id":"1","question":"问","answer":"答","visibility":"operator"}`, ""},
		{"a policy for operators", `{"type":"policy","id":"1","title":"题","text":"文","visibility":"operator"}`, ""},
	} {
		rec, err := corpus.Unmarshal([]byte(tt.line))
		if err != nil || rec.Validate() != nil {
			t.Fatalf("%s: %v %v", tt.why, err, rec.Validate())
		}
		got := ""
		if shown, ok := corpus.Public(rec); ok {
			line, err := corpus.Marshal(shown)
			if err != nil {
				t.Fatal(err)
			}
			got = string(line)
		}
		if diff := cmp.Diff(tt.shown, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.why, diff)
		}
		whole, err := corpus.Marshal(rec)
		if err != nil || string(whole) != tt.line {
			t.Errorf("%s: the record itself has become %s %v", tt.why, whole, err)
		}
	}
}

func TestVisibilityIsClosed(t *testing.T) {
	rec, err := corpus.Unmarshal([]byte(`{"type":"faq","id":"1","question":"问","answer":"答","visibility":"坐席"}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := rec.Validate(); err == nil || !strings.Contains(err.Error(), "仅坐席") {
		t.Errorf("error %v, want one that names the values", err)
	}
}
