package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/corpus"
)

// people is a Personal that remembers what it was asked.
type people struct {
	events   []answer.Event
	err      error
	request  answer.RecommendRequest
	subject  string
	switched answer.Switch
	erased   bool
}

func (p *people) Recommend(_ context.Context, r answer.RecommendRequest) (answer.RecommendPage, error) {
	p.request = r
	return answer.RecommendPage{Edition: 12}, p.err
}

func (p *people) Record(_ context.Context, events []answer.Event) (answer.Recorded, error) {
	if p.err != nil {
		return answer.Recorded{}, p.err
	}
	p.events = append(p.events, events...)
	return answer.Recorded{Accepted: len(events)}, nil
}

func (p *people) Personalize(_ context.Context, subject string, s answer.Switch) (answer.Profile, error) {
	p.subject, p.switched = subject, s
	return answer.Profile{Off: s.On != nil && !*s.On}, p.err
}

func (p *people) ExportSubject(_ context.Context, subject string) (answer.Personal, error) {
	p.subject = subject
	return answer.Personal{}, p.err
}

func (p *people) EraseSubject(_ context.Context, subject string) (answer.Erased, error) {
	p.subject, p.erased = subject, true
	return answer.Erased{Events: 3}, p.err
}

func TestEventsComeInThreeForms(t *testing.T) {
	one := `{"subject":"u_1","matter":"M-1","type":"finish","time":"2026-05-12T09:30:00+08:00","region":"440100","id":"7","extra":1}`
	want := answer.Event{ID: "7", Subject: "u_1", Matter: "M-1", Type: "finish", Region: "440100", Time: time.Date(2026, 5, 12, 1, 30, 0, 0, time.UTC)}
	tests := []struct {
		why, body, kind string
		n               int
	}{
		{"one", one, "application/json", 1},
		{"a list", "[" + one + "," + one + "]", "application/json", 2},
		{"a line each", one + "\n" + one + "\n" + one + "\n", "application/x-ndjson", 3},
		{"a batch longer than other bodies", "[" + one + strings.Repeat(","+one, 1999) + "]", "application/json", 2000},
	}
	for _, tt := range tests {
		p := &people{}
		s := open(t, Config{Personal: p}, &fake{})
		r := s.do(t, "POST", pathEvents, tt.body, "Content-Type: "+tt.kind)
		if r.status != http.StatusOK || len(p.events) != tt.n {
			t.Errorf("%s: %d %s, %d events", tt.why, r.status, r.body, len(p.events))
			continue
		}
		p.events[0].Time = p.events[0].Time.UTC()
		if diff := cmp.Diff(want, p.events[0]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.why, diff)
		}
		if want := fmt.Sprintf(`"accepted":%d`, tt.n); !strings.Contains(r.body, want) {
			t.Errorf("%s: %s", tt.why, r.body)
		}
	}
}

func TestPersonalRequestsThatAreWrong(t *testing.T) {
	said := fmt.Errorf("%w: %w", answer.ErrBadSubject, errors.New("第 1 条：化名无效：不要使用证件号、信用代码或手机号"))
	tests := []struct {
		why, method, path, body string
		err                     error
		status                  int
		says                    string
	}{
		{"no event", "POST", pathEvents, "[]", nil, 422, "1 至 5000 条"},
		{"no JSON", "POST", pathEvents, "subject=1", nil, 422, "JSON Lines"},
		{"a time that is none", "POST", pathEvents, `{"subject":"u","matter":"m","type":"view","time":"yesterday"}`, nil, 422, "RFC 3339"},
		{"a subject that is a number", "POST", pathEvents, `{"subject":"13800138000","matter":"m","type":"view"}`, said, 422, "不要使用证件号"},
		{"a region that is none", "GET", pathRecommend + "?region=44", "", nil, 422, "行政区划代码"},
		{"an audience that is none", "GET", pathRecommend + "?audience=x", "", nil, 422, "自然人"},
		{"a subject too long", "DELETE", "/api/v1/subjects/" + strings.Repeat("u", 65), "", nil, 422, "化名应为"},
		{"a switch that is no switch", "PUT", "/api/v1/subjects/u/personalization", `{"on":"no"}`, nil, 422, "true 或 false"},
		{"no memory", "GET", "/api/v1/subjects/u", "", answer.ErrNoMemory, 404, "没有开启"},
		{"a failure", "GET", "/api/v1/subjects/u", "", errors.New("disk on fire"), 500, "12345"},
	}
	for _, tt := range tests {
		s := open(t, Config{Personal: &people{err: tt.err}}, &fake{})
		r := s.do(t, tt.method, tt.path, tt.body)
		if r.status != tt.status || !strings.Contains(r.body, tt.says) {
			t.Errorf("%s: %d %s, want %d saying %s", tt.why, r.status, r.body, tt.status, tt.says)
		}
		r.problem(t)
		if strings.Contains(r.body, "fire") {
			t.Errorf("%s: the reply tells what failed inside: %s", tt.why, r.body)
		}
	}
}

func TestSubjectsAndRecommendations(t *testing.T) {
	p := &people{}
	s := open(t, Config{Personal: p}, &fake{})
	r := s.do(t, "GET", pathRecommend+"?subject=u%201&matter=M-1&region=440100&audience=person&limit=3", "")
	want := answer.RecommendRequest{Subject: "u 1", Matter: "M-1", Region: "440100", Audience: corpus.Person, Limit: 3}
	if diff := cmp.Diff(want, p.request); diff != "" || r.status != 200 || !strings.Contains(r.body, `"recommendations":[]`) {
		t.Errorf("%d %s (-want +got):\n%s", r.status, r.body, diff)
	}
	if r := s.do(t, "PUT", "/api/v1/subjects/%E5%A5%B9/personalization", `{"on":false,"minor":true,"region":"440100"}`); r.status != 200 || p.subject != "她" {
		t.Errorf("%d %s of %q", r.status, r.body, p.subject)
	}
	if p.switched.On == nil || *p.switched.On || !*p.switched.Minor || *p.switched.Region != "440100" || p.switched.Audience != nil {
		t.Errorf("%+v", p.switched)
	}
	if r := s.do(t, "GET", "/api/v1/subjects/u%2F1", ""); r.status != 200 || p.subject != "u/1" || !strings.Contains(r.body, `"events":[]`) {
		t.Errorf("%d %s of %q", r.status, r.body, p.subject)
	}
	if r := s.do(t, "DELETE", "/api/v1/subjects/u1", ""); r.status != 200 || !p.erased || r.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %s", r.status, r.body)
	}
	if log := s.log.String(); strings.Contains(log, "u1") || strings.Contains(log, "她") {
		t.Errorf("a subject was logged: %s", log)
	}
}

// Nobody can try out subjects.
func TestPersonalDataIsLimited(t *testing.T) {
	s := open(t, Config{Personal: &people{}, AsksPerMinute: 1}, &fake{})
	last := 0
	for range personalPerAsk + 1 {
		last = s.do(t, "GET", "/api/v1/subjects/u1", "").status
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("request %d: %d", personalPerAsk+1, last)
	}
	if r := s.do(t, "GET", pathRecommend, ""); r.status != 200 {
		t.Errorf("a list for everyone is limited too: %d", r.status)
	}
}

func TestOpenAPIHasPersonalOperations(t *testing.T) {
	without := open(t, Config{}, &fake{})
	if r := without.do(t, "GET", pathRecommend, ""); r.status != http.StatusNotFound {
		t.Errorf("without a memory: %d", r.status)
	}
	s := open(t, Config{Personal: &people{}}, &fake{})
	doc := openAPI(t, s)
	for path, methods := range map[string][]string{pathEvents: {"post"}, pathRecommend: {"get"}, pathPersonalize: {"put"}, pathSubject: {"get", "delete"}} {
		for _, m := range methods {
			op := at(t, doc, "paths", path, m).(node)
			for _, key := range []string{"operationId", "summary", "description", "responses"} {
				if op[key] == nil {
					t.Errorf("%s %s has no %s", m, path, key)
				}
			}
		}
	}
	if kinds := at(t, doc, "paths", pathEvents, "post", "requestBody", "content").(node); kinds["application/x-ndjson"] == nil || kinds["application/json"] == nil {
		t.Errorf("%v", kinds)
	}
	for name, schema := range at(t, doc, "components", "schemas").(node) {
		for field, p := range at(t, schema, "properties").(node) {
			if words, _ := p.(node)["description"].(string); words == "" && p.(node)["$ref"] == nil {
				t.Errorf("%s.%s has no description", name, field)
			}
		}
	}
	if r := s.do(t, "GET", "/docs", ""); r.status != 200 || !strings.Contains(r.body, "删除本人数据") {
		t.Errorf("/docs: %d", r.status)
	}
	var v any
	if err := json.Unmarshal([]byte(s.do(t, "GET", "/openapi.json", "").body), &v); err != nil {
		t.Error(err)
	}
}
