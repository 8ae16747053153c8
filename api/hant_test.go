package api

import (
	"strings"
	"testing"
)

func TestTraditionalAnswers(t *testing.T) {
	s := open(t, Config{}, &fake{})
	for accept, want := range map[string]string{"application/json": `"text":"補領居民身份證的承諾辦結時限是8個工作日。`, "text/event-stream": "補領居民身份證"} {
		r := s.do(t, "POST", pathAsk, `{"text":"x"}`, "Accept-Language: zh-Hant", "Accept: "+accept)
		if !strings.Contains(r.body, want) || !strings.Contains(r.body, "https://example.gov.cn/1") || !strings.Contains(r.body, `"承諾辦結時限"`) {
			t.Errorf("%s: %s", accept, r.body)
		}
	}
	for _, lang := range []string{"zh-TW,zh;q=0.9", "zh-CN"} {
		if r := s.do(t, "POST", pathAsk, `{"text":"x"}`, "Accept-Language: "+lang); !strings.Contains(r.body, "补领居民身份证的承诺办结时限") {
			t.Errorf("%s: %s", lang, r.body)
		}
	}
}
