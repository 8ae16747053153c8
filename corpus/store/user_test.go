package store

import (
	"errors"
	"testing"
)

func TestUsers(t *testing.T) {
	s, err := Open(t.TempDir(), Options{Reserve: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx := t.Context()
	const password = "correct horse battery"
	rows := []struct {
		what                 string
		name, role, password string
		want                 error
	}{
		{"a good account", "li.ming", "editor", password, nil},
		{"the same name again", "li.ming", "reviewer", password, ErrUserExists},
		{"an unknown role", "wang", "boss", password, ErrBadUser},
		{"a short password", "wang", "editor", "short", ErrBadUser},
		{"a password of one character", "wang", "editor", "aaaaaaaaaaaaaaaaaaaa", ErrBadUser},
		{"a password that holds the name", "wangxiaoming", "editor", "wangxiaoming-2026-11", ErrBadUser},
		{"a name with a slash", "a/b", "editor", password, ErrBadUser},
		{"a Chinese name", "王小明", "publisher", password, nil},
	}
	for _, r := range rows {
		if err := s.AddUser(ctx, "test", r.name, []string{r.role}, r.password); !errors.Is(err, r.want) {
			t.Errorf("%s: %v, want %v", r.what, err, r.want)
		}
	}
	u, err := s.User("li.ming")
	if err != nil || !u.Verify(password) || u.Verify("wrong password 123") {
		t.Fatalf("account %+v, err %v: password not verified", u, err)
	}
	if err := s.SetPassword(ctx, "test", "li.ming", "another long zebra password"); err != nil {
		t.Fatal(err)
	}
	if u, _ = s.User("li.ming"); u.Verify(password) || !u.Verify("another long zebra password") {
		t.Error("the password was not changed")
	}
	if err := s.DisableUser(ctx, "test", "li.ming"); err != nil {
		t.Fatal(err)
	}
	if u, _ = s.User("li.ming"); u.Verify("another long zebra password") {
		t.Error("a disabled account verifies")
	}
	if err := s.DisableUser(ctx, "test", "nobody"); !errors.Is(err, ErrNoUser) {
		t.Errorf("disabling nobody: %v", err)
	}
	if users, err := s.Users(); err != nil || len(users) != 2 {
		t.Errorf("%d users, err %v, want 2", len(users), err)
	}
	if report, err := s.Check(ctx); err != nil || !report.OK() {
		t.Errorf("check: %+v, %v", report, err)
	}
}
