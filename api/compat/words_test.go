package compat

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCut(t *testing.T) {
	const text = "收费：40元/证。承诺时限：15个工作日。\n1. 申请\n2. 领证"
	for _, tt := range []struct {
		name   string
		stops  []string
		limit  int
		want   string
		finish string
	}{
		{"no limits", nil, 0, text, finishStop},
		{"room enough", nil, 100, text, finishStop},
		{"room for a sentence", nil, 12, "收费：40元/证。", finishLength},
		{"no room for a sentence", nil, 3, "", finishLength},
		{"a stop at the end of a sentence", []string{"。"}, 0, "收费：40元/证", finishStop},
		{"a stop within a sentence leaves no half of it", []string{"0元"}, 0, "", finishStop},
		{"a stop at a line", []string{"\n"}, 0, "收费：40元/证。承诺时限：15个工作日。", finishStop},
		{"the first of several", []string{"领证", "2."}, 0, "收费：40元/证。承诺时限：15个工作日。\n1. 申请\n", finishStop},
		{"a stop that is empty or not there", []string{"", "xyz"}, 0, text, finishStop},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, finish := cut(text, tt.stops, tt.limit)
			if got != tt.want || finish != tt.finish {
				t.Errorf("%q %s, want %q %s", got, finish, tt.want, tt.finish)
			}
		})
	}
}

func TestParagraphs(t *testing.T) {
	const text = "这样办：\n1. 申请\n2. 领证\n收费：40元\n电话：1"
	if diff := cmp.Diff("这样办：\n\n1. 申请\n2. 领证\n\n收费：40元\n\n电话：1", paragraphs(text)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
