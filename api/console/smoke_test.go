package console_test

import (
	"testing"

	"github.com/govqa/govqa/api/console"
	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/api/staff/stafftest"
	"github.com/govqa/govqa/corpus/store"
)

func TestSmoke(t *testing.T) {
	s, err := store.Open(t.TempDir(), store.Options{Reserve: -1})
	if err != nil {
		t.Fatal(err)
	}
	c := console.New(console.Config{Store: s})
	site := stafftest.Open(t, staff.Config{Store: s}, c.Register)
	e := site.As(t, "编辑", "editor", "reviewer", "publisher")
	for _, p := range []string{"/console", "/console/records?type=guide", "/console/edit?type=guide", "/console/edit?type=bundle", "/console/drafts", "/console/publish", "/console/editions", "/console/conflicts"} {
		r := e.Get(p)
		if r.Status != 200 {
			t.Errorf("%s %d %s", p, r.Status, r.Body)
		}
	}
}
