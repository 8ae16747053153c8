package main

import "testing"

func TestHealth(t *testing.T) {
	t.Parallel()
	want(t, fails(t, "health", "http://127.0.0.1:1/readyz").err, []string{"health"})
	s := serving(t, imported(t))
	want(t, must(t, "health", s.url+"/readyz"), []string{`"status":"ok"`, `"store":"ok"`})
	want(t, fails(t, "health", s.url+"/nothing").err, []string{"404"})
	s.stop(t)
}
