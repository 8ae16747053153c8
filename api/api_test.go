package api

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/corpus"
)

func fails(err error) *fake {
	return &fake{ask: func(context.Context, answer.Request) (answer.Answer, error) { return answer.Answer{}, err }}
}

func TestAPI(t *testing.T) {
	const ask, fb = "/api/v1/ask", "/api/v1/feedback"
	long := strings.Repeat("长", 301)
	tests := []struct {
		why          string
		engine       *fake
		method, path string
		body         string
		status       int
		want         string // parts of the reply, separated by |
		never        string // parts that must not be in it
	}{
		{"a question", nil, "POST", ask, `{"text":"身份证丢了怎么补"}`, 200,
			`"outcome":"answered"|"aspect":"time_limit"|"options":[]|"why":[]|"state":"c3RhdGU"|"elapsedMs":3.1`, "null"},
		{"the longest question", nil, "POST", ask, `{"text":"` + long[:900] + `"}`, 200, `"id":"a1b2c3d4"`, ""},
		{"unknown fields are ignored", nil, "POST", ask, `{"text":"几天","theme":"x","n":{"a":[1]}}`, 200, `"id"`, ""},
		{"optional fields may be null", nil, "POST", ask, `{"text":"几天","state":null,"region":null,"stream":null}`, 200, `"id"`, ""},
		{"as a company", nil, "POST", ask, `{"text":"几天","audience":"enterprise","region":"440106"}`, 200, `"id"`, ""},
		{"no JSON", nil, "POST", ask, `{`, 400, "请求格式有误|JSON", "unexpected"},
		{"no body", nil, "POST", ask, "", 400, "请求格式有误", "required"},
		{"null", nil, "POST", ask, "null", 422, "JSON 对象", "expected"},
		{"a list", nil, "POST", ask, `["身份证"]`, 422, "JSON 对象", "身份证"},
		{"no text", nil, "POST", ask, `{}`, 422, `"field":"body.text"|缺少这一项`, "required"},
		{"empty text", nil, "POST", ask, `{"text":""}`, 422, "body.text|不能少于 1", ""},
		{"a certificate number as a pseudonym", nil, "POST", ask, `{"text":"几天","subject":"110101199003078515"}`, 422, "body.subject|化名", "110101"},
		{"a telephone number as a pseudonym", nil, "POST", ask, `{"text":"几天","subject":"13800138000"}`, 422, "body.subject|化名", "1380013"},
		{"only spaces", nil, "POST", ask, `{"text":" 　\n"}`, 422, "body.text|1 到 300", ""},
		{"too long", nil, "POST", ask, `{"text":"` + long + `"}`, 422, "body.text|不能超过 300", "长长"},
		{"too long under another case", nil, "POST", ask, `{"text":"几天","TEXT":"` + long + `"}`, 422, "body.text|1 到 300", "长长"},
		{"text is a number", nil, "POST", ask, `{"text":13800138000}`, 422, "body.text|应为文字", "13800138000"},
		{"stream is a word", nil, "POST", ask, `{"text":"几天","stream":"yes"}`, 422, "body.stream|true 或 false", ""},
		{"no such region", nil, "POST", ask, `{"text":"几天","region":"广州"}`, 422, "body.region|行政区划代码", "广州"},
		{"no such audience", nil, "POST", ask, `{"text":"几天","audience":"神仙"}`, 422, "body.audience|自然人", "神仙"},
		{"several faults at once", nil, "POST", ask, `{"text":"","audience":"神仙","region":"4"}`, 422, "body.text|body.audience|body.region", ""},
		{"a question the engine refuses", fails(fmt.Errorf("x: %w", answer.ErrBadQuestion)), "POST", ask, `{"text":"几天"}`, 422, "1 到 300 个字", "bad question"},
		{"a slow engine", fails(context.DeadlineExceeded), "POST", ask, `{"text":"几天"}`, 504, "回答超时", "deadline"},
		{"a broken engine", fails(errors.New("disk /dev/sda on fire")), "POST", ask, `{"text":"几天"}`, 500, "系统出了点问题", "sda"},
		{"an engine that is loading", &fake{ready: func() error { return errors.New("index at 3 of 9") }}, "POST", ask, `{"text":"几天"}`, 503, "正在准备", "index"},
		{"asked by GET", nil, "GET", ask, "", 405, "Allow", ""},
		{"deleted", nil, "DELETE", "/api/v1/themes", "", 405, "不支持这种请求方式", ""},
		{"a method that does not exist", nil, "ASK", ask, `{"text":"几天"}`, 405, "不支持这种请求方式", "Invalid"},
		{"no such address", nil, "GET", "/api/v1/nothing/<script>", "", 404, "没有这个地址", "script"},

		{"search", nil, "GET", "/api/v1/search?q=身份证&region=440100&audience=person&limit=3", "", 200, `"total":1|"why":[]`, "null"},
		{"search of a theme", nil, "GET", "/api/v1/search?theme=证件办理", "", 200, `"matters":[{`, ""},
		{"search of nothing", nil, "GET", "/api/v1/search", "", 422, "query.q|检索词", ""},
		{"search with a bad limit", nil, "GET", "/api/v1/search?q=a&limit=51", "", 422, "query.limit|不能大于 50", ""},
		{"search with a word for limit", nil, "GET", "/api/v1/search?q=a&limit=x", "", 422, "query.limit|应为整数", ""},
		{"search in a bad region", nil, "GET", "/api/v1/search?q=a&region=1", "", 422, "query.region", ""},
		{"suggest", nil, "GET", "/api/v1/suggest?q=身份", "", 200, `{"suggestions":[{"text":"身份证丢了怎么补","code":"SFZ-01"}]}`, ""},
		{"suggest nothing", nil, "GET", "/api/v1/suggest?q=", "", 422, "query.q|缺少这一项", ""},
		{"a guide", nil, "GET", "/api/v1/matters/SFZ-01", "", 200, `"code":"SFZ-01"|"localKey":"本地字段"`, `"fee"`},
		{"a guide whose code needs escapes", nil, "GET", "/api/v1/matters/%E8%A1%A5%E9%A2%86%2F%E8%BA%AB%E4%BB%BD%E8%AF%81", "", 200, `"code":"补领/身份证"`, ""},
		{"no such guide", nil, "GET", "/api/v1/matters/NONE", "", 404, "没有找到", "NONE"},
		{"a guide of broken escapes", nil, "GET", "/api/v1/matters/%ff%fe", "", 404, "没有找到", ""},
		{"themes", nil, "GET", "/api/v1/themes?region=440100", "", 200, `{"name":"证件办理","audience":"person","matters":9}|"edition":12`, ""},
		{"themes of a bad region", nil, "GET", "/api/v1/themes?region=x", "", 422, "query.region", ""},
		{"regions", nil, "GET", "/api/v1/regions", "", 200, `"name":"广州市"`, ""},
		{"hot questions of a bad region", nil, "GET", "/api/v1/hot?region=x", "", 422, "query.region", ""},
		{"hot questions, none yet", nil, "GET", "/api/v1/hot?limit=5", "", 200, `"questions":[]`, "null"},

		{"search as nobody", nil, "GET", "/api/v1/search?q=a&audience=神仙", "", 422, "query.audience|自然人", "神仙"},

		{"satisfied", nil, "POST", fb, `{"answer":"a1","rating":1}`, 200, `{"ok":true}`, ""},
		{"not satisfied", nil, "POST", fb, `{"answer":"a1","rating":-1,"reasons":["看不懂"],"text":"字太多"}`, 200, `"ok"`, ""},
		{"a rating of 5", nil, "POST", fb, `{"answer":"a1","rating":5}`, 422, "body.rating|只能是以下之一", ""},
		{"a reason of one's own", nil, "POST", fb, `{"answer":"a1","rating":-1,"reasons":["张三"]}`, 422, "body.reasons[0]|答非所问", "张三"},
		{"a rating without an answer", nil, "POST", fb, `{"rating":1}`, 422, "body.answer|缺少这一项", ""},
		{"a rating of an unknown answer", &fake{feedback: func(answer.Feedback) error { return corpus.ErrNotFound }}, "POST", fb,
			`{"answer":"a1","rating":1}`, 404, "没有找到", ""},

		{"a rating the engine refuses", &fake{feedback: func(answer.Feedback) error { return fmt.Errorf("x: %w", answer.ErrBadFeedback) }}, "POST", fb,
			`{"answer":"a1","rating":1}`, 422, "评价", "bad feedback"},
		{"a cursor of another search", &fake{search: func(answer.SearchRequest) (answer.SearchPage, error) {
			return answer.SearchPage{}, fmt.Errorf("x: %w", answer.ErrBadCursor)
		}}, "GET", "/api/v1/search?q=a&cursor=x", "", 422, "第一页", "cursor"},
		{"an engine that has just lost its index", fails(answer.ErrNotReady), "POST", ask, `{"text":"几天"}`, 503, "正在准备", "edition"},

		{"alive", nil, "GET", "/healthz", "", 200, `"status":"ok"|"edition":12`, ""},
		{"alive while loading", &fake{ready: func() error { return errors.New("x") }}, "GET", "/healthz", "", 200, `"ok"`, ""},
		{"ready", nil, "GET", "/readyz", "", 200, `"ok"`, ""},
		{"not ready", &fake{ready: func() error { return errors.New("no index") }}, "GET", "/readyz", "", 503, `正在准备|{"field":"view","message":"no index"}`, ""},
	}
	plain := open(t, Config{AsksPerMinute: -1}, &fake{})
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			s := plain
			if tt.engine != nil {
				s = open(t, Config{}, tt.engine)
			}
			r := s.do(t, tt.method, tt.path, tt.body)
			if r.status != tt.status {
				t.Errorf("status = %d, want %d: %s", r.status, tt.status, r.body)
			}
			for want := range strings.SplitSeq(tt.want, "|") {
				if !strings.Contains(r.body, want) {
					t.Errorf("no %q in %s", want, r.body)
				}
			}
			if tt.never != "" && strings.Contains(r.body, tt.never) {
				t.Errorf("%q in %s", tt.never, r.body)
			}
			if r.status >= 400 {
				r.problem(t)
			}
		})
	}
}
