package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A part that is not well makes the service degraded, or, where it is vital,
// unready. Why is for this machine alone.
func TestReadyz(t *testing.T) {
	full, gone := errors.New("/var/lib/govqa: 12 MiB left"), false
	checks := []Check{
		{"store", true, func() error {
			if gone {
				return errors.New("/var/lib/govqa: input/output error")
			}
			return nil
		}},
		{"disk", false, func() error { return full }},
	}
	s := open(t, Config{Checks: checks}, &fake{})
	read := func(head ...string) (h Health, r reply) {
		t.Helper()
		r = s.do(t, http.MethodGet, "/readyz", "", head...)
		if err := json.Unmarshal([]byte(r.body), &h); err != nil {
			t.Fatal(err)
		}
		return h, r
	}
	const stranger = "X-Forwarded-For: 203.0.113.9"
	h, r := read()
	want := Health{"degraded", 12, map[string]string{"draining": "ok", "view": "ok", "store": "ok", "disk": full.Error()}}
	if diff := cmp.Diff(want, h); diff != "" || r.status != http.StatusOK {
		t.Errorf("%d (-want +got):\n%s", r.status, diff)
	}
	if h, _ := read(stranger); h.Components["disk"] != "degraded" {
		t.Errorf("a stranger reads %q", h.Components["disk"])
	}
	metrics := s.do(t, http.MethodGet, "/metrics", "").body
	for _, line := range []string{`govqa_component_ok{component="disk"} 0`, `govqa_component_ok{component="store"} 1`, `govqa_build_info{`} {
		if !strings.Contains(metrics, line) {
			t.Errorf("the figures lack %s", line)
		}
	}
	gone = true
	p := s.do(t, http.MethodGet, "/readyz", "", stranger)
	if problem := p.problem(t); p.status != http.StatusServiceUnavailable || len(problem.Errors) != 2 || strings.Contains(p.body, "/var/lib") {
		t.Errorf("%d %s", p.status, p.body)
	}
	if got := s.do(t, http.MethodGet, "/readyz", "").problem(t); got.Errors[1] != (FieldProblem{"store", "/var/lib/govqa: input/output error"}) {
		t.Errorf("this machine reads %+v", got.Errors)
	}
}
