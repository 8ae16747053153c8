package main

import (
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/api/staff"
)

var setupLink = regexp.MustCompile(`http://\S+/staff/setup\?token=\S+`)

// TestFirstStart: a server without accounts prints a link once, and makes no
// account by itself; the commands work while it serves.
func TestFirstStart(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s := serving(t, data)
	want(t, must(t, "user", "list", "-data", data), []string{"用户名"}, "admin")
	log := s.stop(t)
	old := setupLink.FindString(log)
	if old == "" || !strings.HasPrefix(old, s.url) {
		t.Fatalf("no link of %s in\n%s", s.url, log)
	}

	s = serving(t, data)
	path := func(link string) string {
		_, after, _ := strings.Cut(link, "/staff")
		return s.url + "/staff" + after
	}
	for _, row := range []struct {
		what, url string
		want      int
	}{
		{"the link of the start before", path(old), http.StatusNotFound},
		{"a link of one's own making", s.url + "/staff/setup?token=x", http.StatusNotFound},
		{"no link", s.url + "/staff/setup", http.StatusNotFound},
		{"the login", s.url + "/staff/login", http.StatusOK},
	} {
		if got := status(t, row.url); got != row.want {
			t.Errorf("%s: status %d, want %d", row.what, got, row.want)
		}
	}
	long := "一共有超过十五个字符的密码短语 2026\n"
	for _, row := range []struct {
		what, input string
		args        []string
		says        string
	}{
		{"add while it serves", long, []string{"add", "-role", "admin,auditor", "root"}, "已添加账号 root（admin、auditor）"},
		{"roles while it serves", "", []string{"roles", "-role", "auditor", "root"}, "已修改账号 root 的角色（auditor）"},
		{"passwd while it serves", "另一个超过十五个字符的密码短语 2027\n", []string{"passwd", "root"}, "已修改账号 root 的密码"},
		{"disable while it serves", "", []string{"disable", "root"}, "已停用账号 root"},
	} {
		r := user(t, row.input, append(row.args, "-data", data)...)
		if r.code != exitOK {
			t.Errorf("%s: exit code %d: %s", row.what, r.code, r.err)
		}
		want(t, r.out, []string{row.says})
	}
	if r := user(t, long, "add", "root", "-data", data); r.code != exitFailed || !strings.Contains(r.err, "账号已存在") {
		t.Errorf("adding twice: %d %s", r.code, r.err)
	}
	log = s.stop(t)
	if got := status(t, path(setupLink.FindString(log))); got != 0 {
		t.Errorf("the server has not stopped: %d", got)
	}
	s = serving(t, data)
	if log := s.stop(t); setupLink.MatchString(log) {
		t.Errorf("a link although there is an account:\n%s", log)
	}
	checked := must(t, "check", "-data", data)
	want(t, checked, []string{"核对无误", "账号"})
	head := regexp.MustCompile(`审计记录\s+(\d+:[0-9a-f]{64})`).FindStringSubmatch(checked)
	if head == nil {
		t.Fatalf("no head of the audit log in\n%s", checked)
	}
	want(t, must(t, "check", "-data", data, "-head", head[1]), []string{"核对无误"})
	want(t, fails(t, "check", "-data", data, "-head", "1"+head[1]).err, []string{"存证有第"})
	want(t, fails(t, "check", "-data", data, "-head", "1:"+strings.Repeat("0", 64)).err, []string{"与存证不符"})
	want(t, fails(t, "check", "-data", data, "-head", "x").err, []string{"存证应形如"})
}

// status is the status of a GET, 0 if nobody answers.
func status(t *testing.T, url string) int {
	t.Helper()
	resp, err := request(t.Context(), http.DefaultClient, http.MethodGet, url, "")
	if err != nil {
		return 0
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	return resp.StatusCode
}

func TestStaffConfig(t *testing.T) {
	idp := func(change func(*config)) config {
		c := config{OIDCIssuer: "https://idp.example.cn", OIDCClient: "govqa", OIDCRoles: []string{"编辑=editor", "编辑=reviewer", "a=b=admin"}}
		change(&c)
		return c
	}
	env := map[string]string{oidcSecretVariable: "秘密"}
	for _, row := range []struct {
		what  string
		cfg   config
		want  *staff.OIDC
		fault string
	}{
		{"no provider", config{}, nil, ""},
		{"a provider", idp(func(*config) {}), &staff.OIDC{Issuer: "https://idp.example.cn", ClientID: "govqa", ClientSecret: "秘密",
			Roles: map[string][]string{"编辑": {"editor", "reviewer"}, "a=b": {"admin"}}}, ""},
		{"a secret from a file", idp(func(c *config) { c.OIDCSecretFile, c.OIDCRoles = write(t, "secret", "另一个"), nil }),
			&staff.OIDC{Issuer: "https://idp.example.cn", ClientID: "govqa", ClientSecret: "另一个", Roles: map[string][]string{}}, ""},
		{"a file that is not there", idp(func(c *config) { c.OIDCSecretFile = "/没有" }), nil, "oidc_secret_file"},
		{"a group without a role", idp(func(c *config) { c.OIDCRoles = []string{"编辑"} }), nil, "群组=角色"},
	} {
		got, err := row.cfg.oidc(func(name string) (string, bool) { v, ok := env[name]; return v, ok })
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.what, diff)
		}
		if (err != nil) != (row.fault != "") || err != nil && !strings.Contains(err.Error(), row.fault) {
			t.Errorf("%s: %v, want %q", row.what, err, row.fault)
		}
	}
	for _, row := range []struct{ written, want []string }{{nil, nil}, {[]string{"none"}, []string{}}, {[]string{"editor"}, []string{"editor"}}} {
		cfg := config{SecondFactor: row.written}
		got, err := cfg.staff(nil, nil, nil, func(string) (string, bool) { return "", false })
		if err != nil || (got.SecondFactor == nil) != (row.want == nil) || !slices.Equal(got.SecondFactor, row.want) {
			t.Errorf("second_factor %q becomes %q, %v", row.written, got.SecondFactor, err)
		}
	}
}
