package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

type contextKey int

const (
	keyRequestID contextKey = iota
	keyVisitor              // the address that asks; never logged
	keyLocal                // whether it is this machine itself
	keyHant                 // whether answers are wanted in traditional characters
	keyEncrypted            // whether the visitor speaks TLS
	keyAPIKey               // the key that it came with
	keyStreamed             // of a fiber context: the stream logs its own end
)

// RequestID is the id of the request that ctx belongs to, or "".
func RequestID(ctx context.Context) string { return requestID(ctx) }

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(keyRequestID).(string)
	return id
}

// VisitorOf is the address that the request of ctx came from. It is never
// logged whole.
func VisitorOf(ctx context.Context) netip.Addr { return visitorOf(ctx) }

// Encrypted reports whether the visitor of ctx speaks TLS, to us or to a
// trusted proxy.
func Encrypted(ctx context.Context) bool {
	encrypted, _ := ctx.Value(keyEncrypted).(bool)
	return encrypted
}

// IsLocal reports whether the request of ctx comes from this machine itself.
func IsLocal(ctx context.Context) bool { return isLocal(ctx) }

// OnBehalf returns a context whose questions count as those of one person whom
// another platform passes on, and not as those of the platform's address. The
// person is named by a pseudonym.
func OnBehalf(ctx context.Context, person string) context.Context {
	sum := sha256.Sum256([]byte(person))
	home := [16]byte{0xfd} // of addresses that are given out at home and reach nobody
	copy(home[1:8], sum[:])
	ctx = context.WithValue(ctx, keyVisitor, netip.AddrFrom16(home))
	return context.WithValue(ctx, keyLocal, false)
}

// visitorOf is the address that the request of ctx came from.
func visitorOf(ctx context.Context) netip.Addr {
	addr, _ := ctx.Value(keyVisitor).(netip.Addr)
	return addr
}

// identify gives the request an id, its own if it brings a sane one, and a
// context that lasts as long as the server's.
func (s *Server) identify(c *fiber.Ctx) {
	id := c.Get(fiber.HeaderXRequestID)
	if !saneID(id) {
		id = newID()
	}
	c.Set(fiber.HeaderXRequestID, id)
	ctx, _ := s.tracer.Start(traceparent.Extract(s.base, requestHeader{c}), c.Method(), trace.WithSpanKind(trace.SpanKindServer))
	ctx = context.WithValue(ctx, keyRequestID, id)
	ctx = context.WithValue(ctx, keyVisitor, s.visitor(c))
	ctx = context.WithValue(ctx, keyHant, strings.HasPrefix(c.Get(fiber.HeaderAcceptLanguage), "zh-Hant"))
	ctx = context.WithValue(ctx, keyEncrypted, s.encrypted(c))
	c.SetUserContext(context.WithValue(ctx, keyLocal, s.local(c)))
}

// traceparent reads to which trace of the caller's a request belongs (W3C).
var traceparent propagation.TraceContext

// A requestHeader lends the headers of a request to the reader of traceparent.
type requestHeader struct{ *fiber.Ctx }

// Get implements [propagation.TextMapCarrier].
func (h requestHeader) Get(key string) string { return h.Ctx.Get(key) }

// Set implements [propagation.TextMapCarrier]; nothing is written to a request.
func (requestHeader) Set(string, string) {}

// Keys implements [propagation.TextMapCarrier].
func (requestHeader) Keys() []string { return nil }

// isLocal reports whether the request of ctx comes from this machine itself.
func isLocal(ctx context.Context) bool {
	local, _ := ctx.Value(keyLocal).(bool)
	return local
}

// saneID reports whether a stranger's id can be put into headers and logs.
func saneID(id string) bool {
	odd := func(r rune) bool {
		return !('0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || strings.ContainsRune("-_.", r))
	}
	return len(id) >= 8 && len(id) <= 64 && strings.IndexFunc(id, odd) < 0
}

func newID() string {
	var b [12]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// observe is around everything: it names the request, catches panics, makes
// errors replies, counts, traces and logs. It logs neither query nor body, which
// may hold a citizen's question, and of the address only the network.
func (s *Server) observe(c *fiber.Ctx) error {
	start := time.Now()
	s.identify(c)
	s.secure(c)
	if err := next(c); err != nil {
		if err := s.fail(c, err); err != nil {
			return err
		}
	}
	if c.Locals(keyStreamed) != nil {
		return nil
	}
	n := 0
	if !c.Response().IsBodyStream() { // whose length nobody knows before its end, and which reading here would use up
		n = len(c.Response().Body())
	}
	s.done(c.UserContext(), c.Method(), routeOf(c), c.Response().StatusCode(), n, start)
	return nil
}

// done counts, traces and logs a request that is over.
func (s *Server) done(ctx context.Context, method, route string, status, bytes int, start time.Time) {
	took := time.Since(start)
	s.metrics.request(route, status, took)
	attrs := []any{"method", method, "route", route, "status", status,
		"ms", milliseconds(took), "bytes", bytes, "request", requestID(ctx), "from", network(visitorOf(ctx))}
	if k, ok := KeyOf(ctx); ok {
		s.metrics.keyed(k, status)
		attrs = append(attrs, "key", k.Name)
	}
	span := trace.SpanFromContext(ctx)
	if id := span.SpanContext().TraceID(); id.IsValid() {
		attrs = append(attrs, "trace", id.String())
	}
	endSpan(span, method, route, status)
	s.log.InfoContext(ctx, "request", attrs...)
}

// endSpan says what came of a request, and not what it was about.
func endSpan(span trace.Span, method, route string, status int) {
	span.SetName(method + " " + route)
	span.SetAttributes(attribute.String("http.request.method", method), attribute.String("http.route", route),
		attribute.Int("http.response.status_code", status))
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// network is as much of a visitor's address as is logged: enough to see where
// an attack comes from, too little to know a household by.
func network(addr netip.Addr) string {
	if !addr.IsValid() {
		return ""
	}
	bits := 24
	if addr.Is6() {
		bits = 48
	}
	p, _ := addr.WithZone("").Prefix(bits) // fails for no number of bits that fits
	return p.String()
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// next runs what follows and makes a panic an error.
func next(c *fiber.Ctx) (err error) {
	defer func() {
		if v := recover(); v != nil {
			c.Response().ResetBody()
			err = &panicError{v, debug.Stack()}
		}
	}()
	return c.Next()
}

// routeOf is the pattern of the route that was taken. Addresses that nobody
// serves have one name in common, so that strangers cannot add figures.
func routeOf(c *fiber.Ctx) string {
	route := c.Route().Path
	if route == "/" && c.Path() != "/" {
		return "other"
	}
	return route
}

// contentPolicy keeps pages to their own scripts and styles, none of them
// inline, and to frames of this and the allowed origins.
func contentPolicy(frames []string) string {
	return "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; " +
		"form-action 'self'; frame-ancestors " + strings.Join(append([]string{"'self'"}, frames...), " ")
}

// secure sets the headers that every reply has.
func (s *Server) secure(c *fiber.Ctx) {
	c.Set(fiber.HeaderContentSecurityPolicy, s.policy)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	if len(s.cfg.AllowedFrames) == 0 { // it knows no other origins; the policy does
		c.Set(fiber.HeaderXFrameOptions, "SAMEORIGIN")
	}
	c.Set(fiber.HeaderReferrerPolicy, "strict-origin-when-cross-origin")
	c.Set(fiber.HeaderPermissionsPolicy, "camera=(), geolocation=(), microphone=(self), payment=()")
	c.Set("Cross-Origin-Opener-Policy", "same-origin")
	if s.encrypted(c) {
		c.Set(fiber.HeaderStrictTransportSecurity, "max-age=31536000")
	}
}

// cors lets pages of the allowed origins call the API and the other protocols.
func (s *Server) cors(c *fiber.Ctx) error {
	if len(s.cfg.AllowedOrigins) == 0 || !strings.HasPrefix(c.Path(), "/api/") && s.interfaceOf(c.Path()) == nil {
		return c.Next()
	}
	c.Vary(fiber.HeaderOrigin)
	origin := c.Get(fiber.HeaderOrigin)
	if !slices.Contains(s.cfg.AllowedOrigins, origin) {
		if !slices.Contains(s.cfg.AllowedOrigins, "*") {
			return c.Next()
		}
		origin = "*"
	}
	c.Set(fiber.HeaderAccessControlAllowOrigin, origin)
	c.Set(fiber.HeaderAccessControlExposeHeaders, "ETag, RateLimit, RateLimit-Policy, Retry-After, X-Request-ID")
	if c.Method() != http.MethodOptions {
		return c.Next()
	}
	c.Set(fiber.HeaderAccessControlAllowMethods, allowedMethods)
	c.Set(fiber.HeaderAccessControlAllowHeaders, allowedHeaders(c.Get(fiber.HeaderAccessControlRequestHeaders)))
	c.Set(fiber.HeaderAccessControlMaxAge, "3600")
	return c.SendStatus(fiber.StatusNoContent)
}

// allowedHeaders lets a page send the headers that it asks for: the libraries
// of other protocols have headers of their own, and no cookie goes along.
func allowedHeaders(asked string) string {
	headers := "Accept, Authorization, Content-Type, X-Request-ID"
	for name := range strings.SplitSeq(asked, ",") {
		if name = strings.TrimSpace(name); saneHeader(name) && len(headers) < maxAllowedHeaders {
			headers += ", " + name
		}
	}
	return headers
}

// maxAllowedHeaders is the length in bytes of the list that a page is told.
const maxAllowedHeaders = 1 << 10

func saneHeader(name string) bool {
	odd := func(r rune) bool {
		return !('0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == '-')
	}
	return name != "" && len(name) <= 64 && strings.IndexFunc(name, odd) < 0
}

// limitBody refuses bodies that are too long, and compressed ones, which could
// grow to any length.
func (s *Server) limitBody(c *fiber.Ctx) error {
	if len(c.Request().Body()) > s.maxBodyOf(c.Path()) {
		return fiber.ErrRequestEntityTooLarge
	}
	if coding := c.Get(fiber.HeaderContentEncoding); coding != "" && coding != "identity" {
		return fiber.ErrUnsupportedMediaType
	}
	return c.Next()
}

// minCompress is the size in bytes below which compressing gains nothing.
const minCompress = 1 << 10

// compress compresses texts. An event stream must reach the reader piece by
// piece and stays as it is.
func compress(c *fiber.Ctx) error {
	if err := c.Next(); err != nil {
		return err
	}
	r := c.Response()
	if r.IsBodyStream() || len(r.Body()) < minCompress || len(r.Header.ContentEncoding()) > 0 ||
		!compressible(string(r.Header.ContentType())) {
		return nil
	}
	squeeze := fasthttp.CompressHandlerBrotliLevel(func(*fasthttp.RequestCtx) {},
		fasthttp.CompressBrotliDefaultCompression, fasthttp.CompressDefaultCompression)
	squeeze(c.Context())
	return nil
}

func compressible(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	for _, part := range []string{"text/", "json", "javascript", "yaml", "svg"} {
		if strings.Contains(kind, part) {
			return true
		}
	}
	return false
}
