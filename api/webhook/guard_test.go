package webhook

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func mustGuard(t *testing.T, hosts, networks []string) *Guard {
	t.Helper()
	g, err := NewGuard(hosts, networks)
	if err != nil {
		t.Fatal(err)
	}
	return &g
}

func TestGuardOfURLs(t *testing.T) {
	listed := mustGuard(t, []string{"hook.example.cn", ".gov.example.cn"}, []string{"10.1.0.0/16", "192.168.7.7"})
	open := mustGuard(t, nil, nil)
	tests := []struct {
		g    *Guard
		url  string
		want error
	}{
		{open, "https://hook.example.cn/a?b=c", nil},
		{open, "https://hook.example.cn:8443", nil},
		{open, "https://8.8.8.8/", nil},
		{open, "http://hook.example.cn", ErrForbidden},
		{open, "https://user:pw@hook.example.cn", ErrBadEndpoint},
		{open, "https://hook.example.cn/#x", ErrBadEndpoint},
		{open, "ftp://hook.example.cn", ErrBadEndpoint},
		{open, "https://", ErrBadEndpoint},
		{open, "https://:443", ErrBadEndpoint},
		{open, "file:///etc/passwd", ErrBadEndpoint},
		{open, "https://127.0.0.1", ErrForbidden},
		{open, "https://[::1]:8080", ErrForbidden},
		{open, "https://[::ffff:127.0.0.1]", ErrForbidden},
		{open, "https://169.254.169.254/latest/meta-data", ErrForbidden},
		{open, "https://100.100.100.200", ErrForbidden},
		{open, "https://[fd00::1]", ErrForbidden},
		{open, "https://[fe80::1%25eth0]", ErrForbidden},
		{open, "https://[64:ff9b::7f00:1]", ErrForbidden},
		{open, "https://0.0.0.0", ErrForbidden},
		{listed, "https://hook.example.cn", nil},
		{listed, "https://HOOK.example.cn.", nil},
		{listed, "https://a.gov.example.cn", nil},
		{listed, "http://a.gov.example.cn", nil}, // decided when it is resolved
		{listed, "https://gov.example.cn", ErrForbidden},
		{listed, "https://hook.example.cn.evil.example", ErrForbidden},
		{listed, "https://evil.example/?hook.example.cn", ErrForbidden},
	}
	for _, tt := range tests {
		if err := tt.g.checkURL(tt.url); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.url, err, tt.want)
		}
	}
}

func TestGuardOfAddresses(t *testing.T) {
	g := mustGuard(t, nil, []string{"10.1.0.0/16", "192.168.7.7"})
	tests := []struct {
		addr  string
		plain bool
		ok    bool
	}{
		{"8.8.8.8", false, true}, {"8.8.8.8", true, false}, {"2400:3200::1", false, true},
		{"10.1.2.3", false, true}, {"10.1.2.3", true, true}, {"10.2.0.1", false, false}, {"192.168.7.7", true, true}, {"192.168.7.8", true, false},
		{"::ffff:10.1.2.3", true, true}, {"172.16.0.1", false, false}, {"127.0.0.1", false, false}, {"224.0.0.1", false, false},
		{"255.255.255.255", false, false}, {"198.18.0.1", false, false}, {"2002:7f00:1::", false, false}, {"::", false, false},
	}
	for _, tt := range tests {
		if err := g.checkAddr(netip.MustParseAddr(tt.addr), tt.plain); (err == nil) != tt.ok {
			t.Errorf("%s, plain %v: %v", tt.addr, tt.plain, err)
		}
	}
}

func TestGuardOfNonsense(t *testing.T) {
	if _, err := NewGuard(nil, []string{"内网"}); err == nil {
		t.Error("a network that is none is accepted")
	}
}

// A name that resolves to this machine is caught when the connection is made,
// and a redirect to it is not followed.
func TestGuardOfConnections(t *testing.T) {
	hits := 0
	inside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		hits++
		http.Redirect(w, &http.Request{Method: http.MethodGet}, "http://127.0.0.1:1/inside", http.StatusTemporaryRedirect)
	}))
	defer inside.Close()
	get := func(g *Guard, url string) (*http.Response, error) {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		return g.Client().Do(req)
	}
	byName := strings.Replace(inside.URL, "127.0.0.1", "localhost", 1)
	if resp, err := get(mustGuard(t, nil, []string{"10.0.0.0/8"}), byName); !errors.Is(err, ErrForbidden) {
		t.Errorf("a name of this machine: %v", err)
		if resp != nil {
			defer resp.Body.Close()
		}
	}
	if hits != 0 {
		t.Errorf("%d requests got through", hits)
	}
	resp, err := get(mustGuard(t, nil, []string{"127.0.0.0/8", "::1"}), inside.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusTemporaryRedirect || hits != 1 {
		t.Errorf("a redirect: %s after %d requests", resp.Status, hits)
	}
	if a := answerOf(resp); a.err == nil || a.refused {
		t.Errorf("a redirect is taken for %+v", a)
	}
}
