package staff

import (
	"context"
	"crypto/hmac"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/gofiber/fiber/v2"
	"golang.org/x/oauth2"

	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/corpus/store"
)

// OIDC says at which OpenID provider members of staff can log in besides, and
// what its groups may do here.
type OIDC struct {
	Issuer       string // address of the provider; https unless it is on this machine
	ClientID     string
	ClientSecret string
	Name         string              // of the provider, on the button; empty means 统一身份认证
	Scopes       []string            // asked for besides openid and profile
	Claim        string              // that lists the groups; empty means groups
	Roles        map[string][]string // group → roles
}

const (
	oidcLife    = 10 * time.Minute // that a login there may take
	oidcTimeout = 10 * time.Second // for a request to the provider
)

// A provider is an OpenID provider, looked up when it is first needed, so that
// the service starts while it is away.
type provider struct {
	OIDC
	redirect string // our address that it leads back to
	client   *http.Client

	mu    sync.Mutex
	found *oidc.Provider
}

// errOIDC means that a provider is configured so that it cannot work.
var errOIDC = errors.New("统一登录的配置有误")

// newProvider checks what is configured.
func newProvider(o *OIDC, origin string) (*provider, error) {
	if o == nil {
		return nil, nil
	}
	p := &provider{OIDC: *o, redirect: strings.TrimSuffix(origin, "/") + "/staff/oidc/callback", client: &http.Client{Timeout: oidcTimeout}}
	if p.Name == "" {
		p.Name = "统一身份认证"
	}
	if p.Claim == "" {
		p.Claim = "groups"
	}
	u, err := url.Parse(p.Issuer)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())):
		return nil, fmt.Errorf("%w：发行者 %q 不是 https 地址", errOIDC, p.Issuer)
	case p.ClientID == "":
		return nil, fmt.Errorf("%w：没有写客户端编号", errOIDC)
	case origin == "":
		return nil, fmt.Errorf("%w：没有写本服务的地址（public_url）", errOIDC)
	case len(p.Roles) == 0:
		return nil, fmt.Errorf("%w：没有哪个群组有角色", errOIDC)
	}
	for group, roles := range p.Roles {
		for _, r := range roles {
			if !slices.Contains(store.Roles, r) {
				return nil, fmt.Errorf("%w：群组 %s 的角色 %q 不认识", errOIDC, group, r)
			}
		}
	}
	return p, nil
}

func loopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// connect returns the provider's keys and addresses.
func (p *provider) connect(ctx context.Context) (*oidc.Provider, *oauth2.Config, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found == nil {
		// The keys are fetched again and again as long as the provider is kept,
		// so not within the request's own time.
		found, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.client), p.Issuer)
		if err != nil {
			return nil, nil, fmt.Errorf("oidc: %w", err)
		}
		p.found = found
	}
	return p.found, &oauth2.Config{
		ClientID: p.ClientID, ClientSecret: p.ClientSecret, Endpoint: p.found.Endpoint(), RedirectURL: p.redirect,
		Scopes: slices.Concat([]string{oidc.ScopeOpenID, "profile"}, p.Scopes),
	}, nil
}

// A foreignLogin is a login that is under way at the provider. It is kept in a
// signed cookie of the browser that began it: kept here, strangers could fill
// the store with logins that they never end.
type foreignLogin struct {
	State    string    `json:"state"`
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"`
	Next     string    `json:"next"`
	Until    time.Time `json:"until"`
}

// seal writes a login as the cookie's value.
func (s *Staff) seal(login foreignLogin) (string, error) {
	b, err := json.Marshal(login)
	if err != nil {
		return "", fmt.Errorf("oidc: %w", err)
	}
	text := base64.RawURLEncoding.EncodeToString(b)
	return text + "." + s.vouch("oidc", text), nil
}

// unseal reads what seal wrote, if it did and the login is still good.
func (s *Staff) unseal(value string) (login foreignLogin, ok bool) {
	text, proof, _ := strings.Cut(value, ".")
	if !hmac.Equal([]byte(proof), []byte(s.vouch("oidc", text))) {
		return login, false
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(b, &login) != nil {
		return login, false
	}
	return login, s.now().Before(login.Until)
}

// errAway is for when the provider cannot be reached; local accounts can.
func (s *Staff) errAway(c *fiber.Ctx, err error) error {
	s.log.WarnContext(c.UserContext(), "openid provider not reached", "issuer", s.oidc.Issuer, "err", err)
	return api.NewProblem(http.StatusServiceUnavailable, s.oidc.Name+"现在连不上。请稍后再试，或用本地账号登录。").After(oidcTimeout)
}

// startOIDC leads to the provider.
func (s *Staff) startOIDC(c *fiber.Ctx) error {
	ctx := c.UserContext()
	_, oauth, err := s.oidc.connect(ctx)
	if err != nil {
		return s.errAway(c, err)
	}
	login := foreignLogin{State: newToken(), Nonce: newToken(), Verifier: oauth2.GenerateVerifier(), Next: ownPath(c.Query("next")), Until: s.now().Add(oidcLife)}
	sealed, err := s.seal(login)
	if err != nil {
		return err
	}
	setCookie(c, "oidc", sealed, oidcLife) // only the browser that began may end it
	return c.Redirect(oauth.AuthCodeURL(login.State, oidc.Nonce(login.Nonce), oauth2.S256ChallengeOption(login.Verifier)), http.StatusSeeOther)
}

// endOIDC takes whom the provider leads back.
func (s *Staff) endOIDC(c *fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(c.UserContext(), pageTimeout)
	defer cancel()
	login, ok := s.unseal(c.Cookies(cookieName(c, "oidc")))
	setCookie(c, "oidc", "", 0)
	if !ok || subtle.ConstantTimeCompare([]byte(login.State), []byte(c.Query("state"))) != 1 {
		return api.NewProblem(http.StatusForbidden, "这次登录不是从这个浏览器开始的，或者已经过期。请重新登录。")
	}
	if c.Query("code") == "" { // it was called off there
		return api.NewProblem(http.StatusForbidden, "没有在"+s.oidc.Name+"登录成功。")
	}
	claims, err := s.oidc.claims(ctx, c.Query("code"), login)
	if errors.Is(err, errClaims) {
		s.log.WarnContext(ctx, "openid login refused", "request", api.RequestID(ctx), "err", err)
		return errors.Join(s.failed(ctx, s.oidc.Name), api.NewProblem(http.StatusForbidden, s.oidc.Name+"的答复核对不上，请重新登录。"))
	}
	if err != nil {
		return s.errAway(c, err)
	}
	u, err := s.vouched(ctx, claims)
	if err != nil {
		return err
	}
	return s.enter(ctx, c, u, storedSession{How: "oidc", Next: login.Next})
}

// failed notes a failed login in the audit log.
func (s *Staff) failed(ctx context.Context, object string) error {
	return s.store.Audit(ctx, store.BySystem, "login.failed", object, network(api.VisitorOf(ctx)))
}

// errClaims means that what the provider says of somebody cannot be believed.
var errClaims = errors.New("claims are not good")

// whoClaims is what the provider says of somebody.
type whoClaims struct {
	Subject string
	Name    string
	Groups  []string
}

// claims gives the provider the code and reads what it says of whoever logged
// in there: in the token that it signs, and what is not in it where it tells
// more.
func (p *provider) claims(ctx context.Context, code string, login foreignLogin) (whoClaims, error) {
	found, oauth, err := p.connect(ctx)
	if err != nil {
		return whoClaims{}, err
	}
	ctx = oidc.ClientContext(ctx, p.client)
	token, err := oauth.Exchange(ctx, code, oauth2.VerifierOption(login.Verifier))
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response.StatusCode < http.StatusInternalServerError {
		return whoClaims{}, fmt.Errorf("%w: %w", errClaims, err)
	}
	if err != nil {
		return whoClaims{}, err
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := found.Verifier(&oidc.Config{ClientID: p.ClientID}).Verify(ctx, raw)
	if err != nil {
		return whoClaims{}, fmt.Errorf("%w: %w", errClaims, err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(login.Nonce)) != 1 {
		return whoClaims{}, fmt.Errorf("%w: nonce", errClaims)
	}
	who := whoClaims{Subject: id.Subject}
	if err := p.read(id, &who); err != nil {
		return who, err
	}
	if (who.Name == "" || who.Groups == nil) && found.UserInfoEndpoint() != "" {
		info, err := found.UserInfo(ctx, oauth2.StaticTokenSource(token))
		if err != nil {
			return who, err
		}
		if info.Subject != id.Subject {
			return who, fmt.Errorf("%w: user info is of somebody else", errClaims)
		}
		err = p.read(info, &who)
		return who, err
	}
	return who, nil
}

// read takes the name and the groups from a set of claims, if it has them.
func (p *provider) read(from interface{ Claims(any) error }, who *whoClaims) error {
	var all map[string]any
	if err := from.Claims(&all); err != nil {
		return fmt.Errorf("%w: %w", errClaims, err)
	}
	if name, ok := all["preferred_username"].(string); ok {
		who.Name = name
	}
	switch groups := all[p.Claim].(type) {
	case string:
		who.Groups = []string{groups}
	case []any:
		who.Groups = []string{}
		for _, g := range groups {
			if text, ok := g.(string); ok {
				who.Groups = append(who.Groups, text)
			}
		}
	}
	return nil
}

// vouched is the account of whom the provider vouches for, with the roles that
// their groups have now. It is made at the first login, and never one that
// somebody else has.
func (s *Staff) vouched(ctx context.Context, who whoClaims) (store.User, error) {
	refuse := func(why string) (store.User, error) {
		return store.User{}, errors.Join(s.failed(ctx, cut(who.Name, 64)), api.NewProblem(http.StatusForbidden, why))
	}
	var roles []string
	for _, g := range who.Groups {
		roles = append(roles, s.oidc.Roles[g]...)
	}
	u, known, err := s.externalUser(store.External(s.oidc.Issuer, who.Subject))
	switch {
	case err != nil:
		return u, err
	case known && u.Disabled:
		return refuse("您的账号已经停用，请联系管理员。")
	case len(roles) == 0:
		if known { // what they were in is no more
			err = s.store.EndSessions(ctx, store.BySystem, u.Name)
		}
		if err != nil {
			return u, err
		}
		return refuse("您在" + s.oidc.Name + "的群组在这里没有角色，请联系管理员。")
	case known:
		if err := s.store.SetRoles(ctx, store.BySystem, u.Name, roles); err != nil {
			return u, err
		}
		return s.store.User(u.Name)
	}
	name := accountName(who)
	err = s.store.AddExternalUser(ctx, store.BySystem, name, roles, s.oidc.Issuer, who.Subject)
	switch {
	case errors.Is(err, store.ErrUserExists):
		return refuse("用户名 " + name + " 已经是别人的账号，请联系管理员。")
	case errors.Is(err, store.ErrBadUser):
		return refuse("您在" + s.oidc.Name + "的用户名在这里不能用，请联系管理员。")
	case err != nil:
		return u, err
	}
	return s.store.User(name)
}

// externalUser finds the account of whom a provider vouches for.
func (s *Staff) externalUser(external string) (store.User, bool, error) {
	users, err := s.store.Users()
	if err != nil {
		return store.User{}, false, err
	}
	for _, u := range users {
		if u.External == external {
			return u, true, nil
		}
	}
	return store.User{}, false, nil
}

// accountName is what somebody is called here: what the provider calls them,
// with dots for what no account's name can have.
func accountName(who whoClaims) string {
	name := who.Name
	if name == "" {
		name = who.Subject
	}
	return cut(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Han, r) || r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._-", r)) {
			return r
		}
		return '.'
	}, name), 64)
}
