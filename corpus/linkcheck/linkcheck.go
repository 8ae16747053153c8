// Package linkcheck finds links to published sources that have gone dead.
//
// It is a polite guest: it calls only hosts that it has been told to, says who
// it is, heeds robots.txt, asks one host one thing at a time with a pause
// between, and loads no more of a page than its first bytes. And it cannot be
// sent elsewhere: it follows no redirect to another host and connects to no
// private address, whatever a name resolves to.
package linkcheck

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A Verdict says what became of a link.
type Verdict string

// The verdicts.
const (
	OK      Verdict = "ok"
	Dead    Verdict = "dead"    // the page is not there
	Failing Verdict = "failing" // the host does not answer, or with an error of its own
	Moved   Verdict = "moved"   // leads to another host
	Skipped Verdict = "skipped" // not asked
)

// A Result is what became of one link.
type Result struct {
	URL     string    `json:"url"`
	Verdict Verdict   `json:"verdict"`
	Status  int       `json:"status,omitempty"` // of HTTP; 0 if there was none
	Detail  string    `json:"detail,omitempty"` // in Chinese
	Checked time.Time `json:"checked"`
}

// A Checker checks links. Hosts is required.
type Checker struct {
	Hosts   []string      // that may be asked; one with a leading dot stands for all names under it
	Agent   string        // who asks; empty is a name of the program
	Pause   time.Duration // between two requests to one host; 0 means a second
	Timeout time.Duration // of one request; 0 means ten seconds

	// Permit says which addresses may be connected to. Nil permits those of
	// public web servers, and production leaves it so.
	Permit func(netip.AddrPort) bool

	now func() time.Time
}

// agent is the name under which robots.txt can speak of us.
const agent = "govqa-linkcheck"

// Allowed reports whether a host is on the list.
func (c *Checker) Allowed(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return slices.ContainsFunc(c.Hosts, func(h string) bool {
		h = strings.ToLower(strings.TrimSpace(h))
		return h != "" && (h == host || h[0] == '.' && (strings.HasSuffix(host, h) || host == h[1:]))
	})
}

// Check checks links, each once, those of one host one after the other, and
// calls tell with every result. It ends early only with ctx.
func (c *Checker) Check(ctx context.Context, links []string, tell func(Result)) error {
	now := c.now
	if now == nil {
		now = time.Now
	}
	say := func(r Result) {
		r.Checked = now().UTC().Truncate(time.Second)
		tell(r)
	}
	byHost := map[string][]*url.URL{}
	var hosts []string
	links = slices.Clone(links)
	slices.Sort(links)
	for _, link := range slices.Compact(links) {
		u, err := url.Parse(link)
		switch {
		case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil:
			say(Result{URL: link, Verdict: Skipped, Detail: "不是可以检查的网址"})
		case !c.Allowed(u.Hostname()):
			say(Result{URL: link, Verdict: Skipped, Detail: "网站不在检查名单上"})
		default:
			if byHost[u.Host] == nil {
				hosts = append(hosts, u.Host)
			}
			byHost[u.Host] = append(byHost[u.Host], u)
		}
	}
	client := c.client()
	defer client.CloseIdleConnections()
	for _, host := range hosts {
		g := &guest{checker: c, client: client, robots: map[string]rules{}}
		for _, u := range byHost[host] {
			r := g.visit(ctx, u)
			if ctx.Err() != nil {
				return ctx.Err() // what was under way says nothing about the link
			}
			say(r)
		}
	}
	return nil
}

var (
	errElsewhere = errors.New("转到另一个网站")
	errPrivate   = errors.New("是内部网络的地址")
)

// client makes a client that goes nowhere but where it is sent.
func (c *Checker) client() *http.Client {
	permit := c.Permit
	if permit == nil {
		permit = public
	}
	dialer := &net.Dialer{Timeout: 5 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		a, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("address %s: %w", address, err)
		}
		if !permit(a) {
			return errPrivate
		}
		return nil
	}}
	return &http.Client{
		Timeout: cmp.Or(c.Timeout, 10*time.Second),
		// No proxy, which would connect in our place.
		Transport: &http.Transport{DialContext: dialer.DialContext, MaxResponseHeaderBytes: 64 << 10, TLSHandshakeTimeout: 5 * time.Second},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			first := via[0].URL
			switch {
			case len(via) >= 5:
				return errors.New("转来转去")
			case req.URL.Hostname() != first.Hostname() || first.Scheme == "https" && req.URL.Scheme != "https":
				return errElsewhere
			}
			return nil
		},
	}
}

// reserved are address blocks that belong to no public host, beside those that
// package netip knows.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("fec0::/10"),
}

// public reports whether an address is of a public web server.
func public(a netip.AddrPort) bool {
	ip := a.Addr().Unmap()
	if a.Port() != 80 && a.Port() != 443 || !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false
	}
	return !slices.ContainsFunc(reserved, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// A guest visits one host.
type guest struct {
	checker *Checker
	client  *http.Client
	robots  map[string]rules // by scheme and host
	last    time.Time        // of the last request
}

func (g *guest) visit(ctx context.Context, u *url.URL) Result {
	r := Result{URL: u.String()}
	allowed, err := g.robotsOf(ctx, u)
	switch {
	case err != nil:
		return failed(r, err)
	case !allowed.allow(u.EscapedPath()):
		r.Verdict, r.Detail = Skipped, "网站的 robots.txt 请我们不要访问"
		return r
	}
	// Many servers refuse HEAD, so that only what GET gets counts against a link.
	for _, method := range []string{http.MethodHead, http.MethodGet} {
		r.Status, err = g.request(ctx, method, u, nil)
		if err == nil && r.Status < 400 {
			r.Verdict = OK
			return r
		}
		if errors.Is(err, errElsewhere) || errors.Is(err, errPrivate) {
			break
		}
	}
	if err != nil {
		return failed(r, err)
	}
	r.Detail = http.StatusText(r.Status)
	switch r.Status {
	case http.StatusNotFound, http.StatusGone:
		r.Verdict, r.Detail = Dead, "页面不存在"
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
		r.Verdict, r.Detail = Skipped, "网站不让程序访问，请人工查看"
	default:
		r.Verdict = Failing
	}
	return r
}

func failed(r Result, err error) Result {
	r.Verdict, r.Detail = Failing, "连不上："+err.Error()
	var dns *net.DNSError
	switch {
	case errors.Is(err, errElsewhere):
		r.Verdict, r.Detail = Moved, "转到另一个网站，请人工查看"
	case errors.Is(err, errPrivate):
		r.Verdict, r.Detail = Skipped, "域名指向内部网络的地址"
	case errors.As(err, &dns) && dns.IsNotFound:
		r.Verdict, r.Detail = Dead, "域名不存在"
	case errors.Is(err, context.DeadlineExceeded):
		r.Detail = "超时没有回应"
	}
	return r
}

// request asks once, after the pause; read gets the first bytes of the reply.
func (g *guest) request(ctx context.Context, method string, u *url.URL, read func(io.Reader) error) (status int, err error) {
	wait := time.NewTimer(time.Until(g.last.Add(cmp.Or(g.checker.Pause, time.Second))))
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	defer func() { g.last = time.Now() }()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("User-Agent", cmp.Or(g.checker.Agent, agent+"/1"))
	req.Header.Set("Accept", "*/*")
	if method == http.MethodGet && read == nil {
		req.Header.Set("Range", "bytes=0-1023")
	}
	resp, err := g.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if read != nil && resp.StatusCode == http.StatusOK {
		return resp.StatusCode, read(io.LimitReader(resp.Body, maxRobots))
	}
	if resp.StatusCode == http.StatusRequestedRangeNotSatisfiable {
		return http.StatusOK, nil // the page is there, and empty
	}
	return resp.StatusCode, nil
}

// maxRobots is how many bytes of a robots.txt are read.
const maxRobots = 500 << 10

// robotsOf reads the robots.txt of a link's host. One that is not there allows
// everything; a host whose robots.txt fails is not asked.
func (g *guest) robotsOf(ctx context.Context, u *url.URL) (rules, error) {
	key := u.Scheme + "://" + u.Host
	if r, ok := g.robots[key]; ok {
		return r, nil
	}
	var r rules
	status, err := g.request(ctx, http.MethodGet, &url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/robots.txt"}, func(body io.Reader) error {
		text, err := io.ReadAll(body)
		r = parseRobots(string(text))
		return err
	})
	switch {
	case errors.Is(err, errElsewhere):
		// As good as none.
	case err != nil:
		return nil, err
	case status >= 500:
		return nil, fmt.Errorf("robots.txt: HTTP %d", status)
	}
	g.robots[key] = r
	return r, nil
}

// rules are what a robots.txt says to us.
type rules []rule

type rule struct {
	path  string
	allow bool
}

// parseRobots keeps the rules of the group for us or, where there is none, of
// that for everybody.
func parseRobots(text string) rules {
	groups := map[string]rules{}
	var names []string
	named := false // the last line named an agent
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		key, value, ok := strings.Cut(line, ":")
		key, value = strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(value)
		if !ok {
			continue
		}
		switch key {
		case "user-agent":
			if !named {
				names = nil
			}
			names, named = append(names, strings.ToLower(value)), true
		case "allow", "disallow":
			named = false
			for _, n := range names {
				if value != "" {
					groups[n] = append(groups[n], rule{value, key == "allow"})
				} else if groups[n] == nil {
					groups[n] = rules{}
				}
			}
		}
	}
	if own, ok := groups[agent]; ok {
		return own
	}
	return groups["*"]
}

// allow reports whether a path may be asked for: the longest rule that fits
// decides, and of two as long the one that allows.
func (r rules) allow(path string) bool {
	path = cmp.Or(path, "/")
	best, allowed := -1, true
	for _, rule := range r {
		if n := len(rule.path); fits(rule.path, path) && (n > best || n == best && rule.allow) {
			best, allowed = n, rule.allow
		}
	}
	return allowed
}

// fits matches a path with a pattern of robots.txt: * is anything, $ the end.
func fits(pattern, path string) bool {
	pattern, end := strings.CutSuffix(pattern, "$")
	parts := strings.Split(pattern, "*")
	if !strings.HasPrefix(path, parts[0]) {
		return false
	}
	path = path[len(parts[0]):]
	for i, part := range parts[1:] {
		if end && i == len(parts)-2 {
			return strings.HasSuffix(path, part)
		}
		at := strings.Index(path, part)
		if at < 0 {
			return false
		}
		path = path[at+len(part):]
	}
	return !end || path == ""
}
