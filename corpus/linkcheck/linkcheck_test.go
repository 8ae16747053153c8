package linkcheck

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A site is a web server that writes down what it is asked.
type site struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
	agent map[string]bool
}

func newSite(t *testing.T, robots string, handle http.HandlerFunc) *site {
	s := &site{agent: map[string]bool{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r.Method+" "+r.URL.Path)
		s.agent[r.UserAgent()] = true
		s.mu.Unlock()
		if r.URL.Path == "/robots.txt" {
			if robots == "" {
				http.NotFound(w, r)
				return
			}
			reply(t, w, robots)
			return
		}
		handle(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func reply(t *testing.T, w http.ResponseWriter, text string) {
	if _, err := io.WriteString(w, text); err != nil {
		t.Error(err)
	}
}

func (s *site) host() string {
	u, _ := url.Parse(s.URL)
	return u.Hostname()
}

// local lets tests connect to this machine.
func local(netip.AddrPort) bool { return true }

func check(t *testing.T, c Checker, links ...string) map[string]Result {
	t.Helper()
	c.Pause, c.Timeout = time.Millisecond, 5*time.Second
	c.now = func() time.Time { return time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC) }
	got := map[string]Result{}
	if err := c.Check(t.Context(), links, func(r Result) { got[r.URL] = r }); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestCheck(t *testing.T) {
	elsewhere := newSite(t, "", func(w http.ResponseWriter, _ *http.Request) { reply(t, w, "secret") })
	s := newSite(t, "User-agent: *\nDisallow: /private\nAllow: /private/open\n", func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ok", "/private/open", "/private/closed":
		case "/gone":
			w.WriteHeader(http.StatusGone)
		case "/nohead":
			if r.Method == http.MethodHead {
				w.WriteHeader(http.StatusMethodNotAllowed)
			} else if r.Header.Get("Range") == "" {
				t.Error("the whole page was asked for")
			}
		case "/broken":
			w.WriteHeader(http.StatusInternalServerError)
		case "/login":
			w.WriteHeader(http.StatusForbidden)
		case "/within":
			http.Redirect(w, r, "/ok", http.StatusFound)
		case "/away":
			http.Redirect(w, r, strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1)+"/", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		default:
			http.NotFound(w, r)
		}
	})
	got := check(t, Checker{Hosts: []string{s.host()}, Permit: local}, s.URL+"/ok", s.URL+"/ok", s.URL+"/missing", s.URL+"/gone", s.URL+"/nohead",
		s.URL+"/broken", s.URL+"/login", s.URL+"/within", s.URL+"/away", s.URL+"/loop", s.URL+"/private/closed", s.URL+"/private/open",
		"https://not.listed.example/", "ftp://"+s.host()+"/", "https://user:secret@"+s.host()+"/", "nonsense")
	want := map[string]Verdict{"/ok": OK, "/missing": Dead, "/gone": Dead, "/nohead": OK, "/broken": Failing, "/login": Skipped, "/within": OK,
		"/away": Moved, "/loop": Failing, "/private/closed": Skipped, "/private/open": OK}
	for path, verdict := range want {
		if r := got[s.URL+path]; r.Verdict != verdict || r.Checked.IsZero() || verdict != OK && r.Detail == "" {
			t.Errorf("%s: %+v, want %s", path, r, verdict)
		}
	}
	for _, link := range []string{"https://not.listed.example/", "ftp://" + s.host() + "/", "https://user:secret@" + s.host() + "/", "nonsense"} {
		if r := got[link]; r.Verdict != Skipped {
			t.Errorf("%s: %+v", link, r)
		}
	}
	if len(elsewhere.asked) > 0 {
		t.Errorf("the other host was asked %v", elsewhere.asked)
	}
	n := 0
	for _, a := range s.asked {
		if strings.HasSuffix(a, "/private/closed") {
			t.Errorf("asked %s against robots.txt", a)
		}
		if a == "HEAD /ok" {
			n++
		}
	}
	if n != 2 { // once by itself and once as the end of a redirect
		t.Errorf("/ok was asked %d times", n)
	}
	if diff := cmp.Diff(map[string]bool{"govqa-linkcheck/1": true}, s.agent); diff != "" {
		t.Errorf("agents (-want +got):\n%s", diff)
	}
}

// Whatever a name resolves to, nothing inside is connected to.
func TestNoPrivateAddress(t *testing.T) {
	s := newSite(t, "", func(http.ResponseWriter, *http.Request) {})
	local := strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	for link, r := range check(t, Checker{Hosts: []string{"localhost", s.host()}}, s.URL+"/", local+"/") {
		if r.Verdict != Skipped || !strings.Contains(r.Detail, "内部网络") {
			t.Errorf("%s: %+v", link, r)
		}
	}
	if len(s.asked) > 0 {
		t.Errorf("asked %v", s.asked)
	}
	for address, want := range map[string]bool{"8.8.8.8:443": true, "8.8.8.8:80": true, "8.8.8.8:22": false, "10.1.2.3:80": false, "172.16.0.1:80": false,
		"192.168.1.1:443": false, "127.0.0.1:80": false, "169.254.169.254:80": false, "0.0.0.0:80": false, "100.64.1.1:80": false, "224.0.0.1:80": false,
		"255.255.255.255:80": false, "[::1]:80": false, "[fe80::1]:80": false, "[fd00::1]:443": false, "[::ffff:10.0.0.1]:80": false,
		"[64:ff9b::7f00:1]:80": false, "[2002:7f00:1::]:80": false, "[2606:4700::1111]:443": true} {
		if got := public(netip.MustParseAddrPort(address)); got != want {
			t.Errorf("%s: public %v", address, got)
		}
	}
}

func TestAllowed(t *testing.T) {
	c := Checker{Hosts: []string{"www.gov.cn", ".gd.gov.cn", "", " "}}
	for host, want := range map[string]bool{"www.gov.cn": true, "WWW.GOV.CN.": true, "gov.cn": false, "evilwww.gov.cn": false, "gd.gov.cn": true,
		"czt.gd.gov.cn": true, "evilgd.gov.cn": false, "gd.gov.cn.evil.com": false, "": false} {
		if got := c.Allowed(host); got != want {
			t.Errorf("%q: allowed %v", host, got)
		}
	}
}

func TestRobots(t *testing.T) {
	const text = "# hello\nUser-agent: other\nUser-Agent: Govqa-Linkcheck\nDisallow: /a*z$\nDisallow: /b # all of it\nAllow: /b/c\n\nUser-agent: *\nDisallow: /\n"
	for path, want := range map[string]bool{"/": true, "": true, "/az": false, "/abcz": false, "/azy": true, "/b": false, "/bx": false, "/b/c": true, "/b/cd": true, "/c": true} {
		if got := parseRobots(text).allow(path); got != want {
			t.Errorf("%q: allowed %v", path, got)
		}
	}
	if parseRobots("User-agent: *\nDisallow: /").allow("/x") {
		t.Error("everybody is kept out, and we are not")
	}
	for _, open := range []string{"", "User-agent: *\nDisallow:", "Disallow: /x", "\x00\xff:::\n:"} {
		if !parseRobots(open).allow("/x") {
			t.Errorf("%q keeps us out", open)
		}
	}
}

func TestCheckEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := newSite(t, "", func(http.ResponseWriter, *http.Request) { cancel() })
	c := Checker{Hosts: []string{s.host()}, Pause: time.Millisecond, Permit: local}
	n := 0
	if err := c.Check(ctx, []string{s.URL + "/1", s.URL + "/2"}, func(Result) { n++ }); !errors.Is(err, context.Canceled) || n > 1 {
		t.Errorf("%d results, %v", n, err)
	}
}

func FuzzRobots(f *testing.F) {
	f.Add("User-agent: *\nDisallow: /a*b$", "/axb")
	f.Fuzz(func(t *testing.T, text, path string) {
		r := parseRobots(text)
		if len(r) == 0 && !r.allow(path) {
			t.Error("no rule forbids")
		}
	})
}
