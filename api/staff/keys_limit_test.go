package staff_test

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/api/staff/stafftest"
)

var newKeyShown = regexp.MustCompile(`govqa_[0-9a-f]{12}_[A-Za-z0-9_-]+`)

// TestKeyLimits makes a key with limits, changes them, and reads what the API
// is told of the key.
func TestKeyLimits(t *testing.T) {
	site := stafftest.Open(t, noSecond)
	admin := site.As(t, "管理员", "admin")
	form := url.Values{"_csrf": {admin.CSRF}, "name": {"城市应用"}, "scope": {"ask", "search"}, "days": {"30"}, "minute": {"90"}, "day": {"5000"}}
	made := admin.Post("/staff/keys", form)
	secret := newKeyShown.FindString(made.Body)
	if made.Status != http.StatusOK || secret == "" {
		t.Fatalf("%d %s", made.Status, made.Body)
	}
	key, err := site.Staff.Key(t.Context(), "Bearer "+secret)
	if err != nil {
		t.Fatal(err)
	}
	want := api.Key{ID: strings.Split(secret, "_")[1], Name: "城市应用", Scopes: []string{"ask", "search"}, PerMinute: 90, PerDay: 5000}
	if diff := cmp.Diff(want, key, cmp.AllowUnexported(api.Key{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, bad := range []string{"-1", "x", "1.5", "99999999999"} {
		form := url.Values{"_csrf": {admin.CSRF}, "id": {key.ID}, "act": {"limit"}, "minute": {bad}, "day": {""}}
		if r := admin.Post("/staff/keys/act", form); r.Status != http.StatusUnprocessableEntity {
			t.Errorf("a limit of %q: %d", bad, r.Status)
		}
	}
	if r := admin.Post("/staff/keys/act", url.Values{"_csrf": {admin.CSRF}, "id": {key.ID}, "act": {"limit"}, "minute": {""}, "day": {"7"}}); r.Status != http.StatusSeeOther {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	if key, err = site.Staff.Key(t.Context(), "Bearer "+secret); err != nil || key.PerMinute != 0 || key.PerDay != 7 {
		t.Errorf("%+v %v", key, err)
	}

	if err := site.Staff.KeepUsed(t.Context(), key.ID, "2026-11-25", 41); err != nil {
		t.Fatal(err)
	}
	for day, want := range map[string]int{"2026-11-25": 41, "2026-11-26": 0} {
		if n, err := site.Staff.Used(t.Context(), key.ID, day); err != nil || n != want {
			t.Errorf("%s: %d %v, want %d", day, n, err, want)
		}
	}

	if r := admin.Post("/staff/keys/act", url.Values{"_csrf": {admin.CSRF}, "id": {key.ID}, "act": {"end"}}); r.Status != http.StatusSeeOther {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	for name, token := range map[string]string{"a key that was ended": secret, "a key of another secret": secret[:len(secret)-4] + "aaaa", "no key at all": "sk-123"} {
		_, err := site.Staff.Key(t.Context(), "Bearer "+token)
		if p := new(api.Problem); !errors.As(err, &p) || p.Status != http.StatusUnauthorized {
			t.Errorf("%s: %v", name, err)
		}
	}
}
