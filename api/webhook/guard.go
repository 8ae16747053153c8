package webhook

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// ErrForbidden means that an address is one that the configuration does not
// let us send to.
var ErrForbidden = errors.New("不允许发往这个地址")

// A Guard says where events may be sent. Whoever adds an endpoint must not be
// able to make the service talk to machines that only it can reach, so the
// address is looked at once more when the connection is made, after the name
// was resolved. The zero Guard allows every public address over HTTPS.
type Guard struct {
	Hosts    []string       // names, or .example.cn for all below; none means any
	Networks []netip.Prefix // that are not public and allowed all the same, also over plain HTTP
}

// NewGuard reads the networks.
func NewGuard(hosts, networks []string) (Guard, error) {
	g := Guard{}
	for _, h := range hosts {
		g.Hosts = append(g.Hosts, strings.ToLower(h))
	}
	for _, text := range networks {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			addr, addrErr := netip.ParseAddr(text)
			if addrErr != nil {
				return g, fmt.Errorf("%q 不是网段，应形如 10.0.0.0/8", text)
			}
			p = netip.PrefixFrom(addr, addr.BitLen())
		}
		g.Networks = append(g.Networks, p.Masked())
	}
	return g, nil
}

// checkURL looks at an address before anything is sent there.
func (g *Guard) checkURL(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return fmt.Errorf("%w：%q 应形如 https://主机/路径", ErrBadEndpoint, address)
	case u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("%w：%q 应以 https:// 开头", ErrBadEndpoint, address)
	case u.User != nil || u.Fragment != "":
		return fmt.Errorf("%w：地址里不能有用户名、密码或 #", ErrBadEndpoint)
	case u.Scheme == "http" && len(g.Networks) == 0:
		return fmt.Errorf("%w：只有 webhook_networks 列出的内网地址可以不加密，请用 https://", ErrForbidden)
	case !g.allowsHost(u.Hostname()):
		return fmt.Errorf("%w：%s 不在 webhook_hosts 里", ErrForbidden, u.Hostname())
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
		return g.checkAddr(addr, u.Scheme == "http")
	}
	return nil
}

func (g *Guard) allowsHost(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return len(g.Hosts) == 0 || slices.ContainsFunc(g.Hosts, func(h string) bool {
		return h == host || strings.HasPrefix(h, ".") && strings.HasSuffix(host, h)
	})
}

// special are networks that are neither private nor public in netip's sense
// and lead to no receiver on the internet all the same.
var special = [...]string{
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
	"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64",
	"2001::/23", "2001:db8::/32", "2002::/16", "fec0::/10",
}

func public(addr netip.Addr) bool {
	if !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return false
	}
	return !slices.ContainsFunc(special[:], func(text string) bool { return netip.MustParsePrefix(text).Contains(addr) })
}

// checkAddr decides about a resolved address.
func (g *Guard) checkAddr(addr netip.Addr, plain bool) error {
	addr = addr.Unmap().WithZone("")
	if slices.ContainsFunc(g.Networks, func(p netip.Prefix) bool { return p.Contains(addr) }) {
		return nil
	}
	if !public(addr) {
		return fmt.Errorf("%w：%s 不是公网地址，也不在 webhook_networks 里", ErrForbidden, addr)
	}
	if plain {
		return fmt.Errorf("%w：%s 是公网地址，请用 https://", ErrForbidden, addr)
	}
	return nil
}

// How long a receiver may take.
const (
	dialTimeout = 5 * time.Second
	sendTimeout = 15 * time.Second
)

// Client returns a client that connects only to where the guard lets it, goes
// through no proxy, which would connect in its stead, and follows no redirect.
func (g *Guard) Client() *http.Client {
	return &http.Client{
		Timeout:       sendTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &plainAware{
			http: g.transport(true), https: g.transport(false),
		},
	}
}

func (g *Guard) transport(plain bool) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout, ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%w：%s", ErrForbidden, address)
		}
		return g.checkAddr(ap.Addr(), plain)
	}}
	return &http.Transport{DialContext: dialer.DialContext, TLSHandshakeTimeout: dialTimeout, ResponseHeaderTimeout: sendTimeout,
		MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 16 << 10}
}

// plainAware sends each scheme through the transport whose dialer knows it.
type plainAware struct{ http, https *http.Transport }

// RoundTrip implements [http.RoundTripper].
func (t *plainAware) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme == "http" {
		return t.http.RoundTrip(r)
	}
	return t.https.RoundTrip(r)
}

// CloseIdleConnections lets [http.Client.CloseIdleConnections] reach both.
func (t *plainAware) CloseIdleConnections() {
	t.http.CloseIdleConnections()
	t.https.CloseIdleConnections()
}
