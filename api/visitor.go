package api

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
)

// parseProxies reads addresses and networks.
func parseProxies(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range list {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			addr, addrErr := netip.ParseAddr(text)
			if addrErr != nil {
				return nil, fmt.Errorf("trusted proxy %q is no address or network", text)
			}
			p = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen())
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

func (s *Server) trusts(addr netip.Addr) bool {
	return slices.ContainsFunc(s.trusted, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// peer is the address of the connection's other end.
func peer(c *fiber.Ctx) netip.Addr {
	tcp, ok := c.Context().RemoteAddr().(*net.TCPAddr)
	if !ok { // a connection in memory or by a socket file: all are one visitor
		return netip.Addr{}
	}
	return tcp.AddrPort().Addr().Unmap()
}

// visitor is the address that a request came from. Each proxy adds to the
// right of X-Forwarded-For, so the list is read from there, and only as far as
// proxies that we trust wrote it: what stands further left anyone can forge.
func (s *Server) visitor(c *fiber.Ctx) netip.Addr {
	addr := peer(c)
	hops := strings.Split(c.Get(fiber.HeaderXForwardedFor), ",")
	for _, hop := range slices.Backward(hops) {
		if !s.trusts(addr) {
			break
		}
		next, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break
		}
		addr = next.Unmap()
	}
	return addr
}

// local reports whether a request comes from this machine and was not passed
// on by a proxy for someone else.
func (s *Server) local(c *fiber.Ctx) bool {
	for _, h := range []string{fiber.HeaderXForwardedFor, fiber.HeaderForwarded, "X-Real-Ip"} {
		if c.Get(h) != "" {
			return false
		}
	}
	return peer(c).IsLoopback()
}

// encrypted reports whether the visitor speaks TLS, to us or to a trusted proxy.
func (s *Server) encrypted(c *fiber.Ctx) bool {
	return c.Context().IsTLS() || s.trusts(peer(c)) && c.Get(fiber.HeaderXForwardedProto) == "https"
}

// A caller is who is counted: a visitor by address, or an integrator's key, or
// one of the visitors that an integrator asks for.
type caller struct {
	home         netip.Prefix
	key, visitor string
}

// callerOf is who makes the request of ctx.
func callerOf(ctx context.Context) caller {
	if k, ok := KeyOf(ctx); ok {
		return caller{key: k.ID, visitor: k.visitor}
	}
	return caller{home: household(visitorOf(ctx))}
}

// A limiter lets each caller do something so many times a minute: all at once
// if they like, and then at an even pace (the generic cell rate algorithm,
// which needs one time for each caller).
type limiter struct {
	perMinute int // 0 or less means no limit
	now       func() time.Time

	mu      sync.Mutex
	due     map[caller]time.Time // when all that was taken is paid off
	sweepAt int                  // callers at which those who owe nothing are forgotten
}

const (
	sweepFirst = 1 << 10
	maxCallers = 1 << 17 // remembered at once
)

func newLimiter(perMinute int, now func() time.Time) *limiter {
	return &limiter{perMinute: perMinute, now: now, due: map[caller]time.Time{}, sweepAt: sweepFirst}
}

// take returns 0 if the caller may go on, or how long they must wait.
func (l *limiter) take(who caller) time.Duration {
	wait, _ := l.takeAt(who, l.perMinute)
	return wait
}

// takeAt is take at a pace of the caller's own. It also tells how many more
// they may take at once.
func (l *limiter) takeAt(who caller, perMinute int) (wait time.Duration, left int) {
	if perMinute <= 0 {
		return 0, 0
	}
	every := time.Minute / time.Duration(perMinute)
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	due := l.due[who]
	if due.Before(now) {
		due = now
	}
	due = due.Add(every)
	free := time.Minute - due.Sub(now)
	if free < 0 {
		return -free, 0
	}
	l.due[who] = due
	l.sweep(now)
	return 0, int(free / every)
}

// household is what counts as one visitor: an IPv4 address, or the IPv6
// network that a home is given.
func household(addr netip.Addr) netip.Prefix {
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(addr.WithZone(""), bits).Masked()
}

// sweep forgets those who owe nothing. If too many are left it forgets
// everyone: better a minute without limits than memory without end.
func (l *limiter) sweep(now time.Time) {
	if len(l.due) < l.sweepAt {
		return
	}
	for who, due := range l.due {
		if !due.After(now) {
			delete(l.due, who)
		}
	}
	if len(l.due) >= maxCallers {
		clear(l.due)
	}
	l.sweepAt = max(sweepFirst, 2*len(l.due))
}

// checkOrigin reports whether o is an origin: a scheme and a host, or "*".
func checkOrigin(o string) error {
	if o == "*" {
		return nil
	}
	u, err := url.Parse(o)
	if err != nil || u.Host == "" || u.Scheme+"://"+u.Host != o {
		return fmt.Errorf("allowed origin %q is not of the form https://host", o)
	}
	return nil
}
