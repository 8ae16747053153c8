package staff

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"image/png"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/corpus/store"
)

// How codes of a second factor are made (RFC 6238), as every app makes them.
const (
	codePeriod = 30 // seconds
	codeDigits = 6
	codeSkew   = 1 // periods that a clock may be off
)

const (
	recoveryCodes = 10
	recoveryBytes = 10 // of chance in each
	picturePixels = 240
)

// paceSecond watches the codes of one account. Only who knows the password
// gets to try them.
var paceSecond = pace{free: 5, forgive: 10 * time.Minute, most: 15 * time.Minute}

// errCode means that a code is wrong, or was used before.
var errCode = errors.New("wrong code")

// A secondPage asks for a code.
type secondPage struct{ Problem string }

// secondForm asks for the second factor.
func (s *Staff) secondForm(_ context.Context, c *fiber.Ctx, who Session) error {
	if who.stored.Stage != stageSecond {
		return c.Redirect(who.stored.Stage.path(), http.StatusSeeOther)
	}
	return s.showSecond(c, who, http.StatusOK, "")
}

func (s *Staff) showSecond(c *fiber.Ctx, who Session, status int, problem string) error {
	return s.Render(c, outside(who), status, "second", "两步验证", secondPage{problem})
}

// outside is a session as the frame shows it before the login is through.
func outside(who Session) Session { return Session{CSRF: who.CSRF} }

// second checks a code and ends the login.
func (s *Staff) second(ctx context.Context, c *fiber.Ctx, who Session) error {
	if who.stored.Stage != stageSecond {
		return c.Redirect(who.stored.Stage.path(), http.StatusSeeOther)
	}
	watch := watched{"second " + who.Name, paceSecond}
	if wait := s.brake.try(watch); wait > 0 {
		return s.showSecond(c, who, http.StatusTooManyRequests, fmt.Sprintf("尝试的次数太多，请过 %d 秒再试。", 1+int(wait.Seconds())))
	}
	err := s.takeCode(ctx, who.Name, c.FormValue("code"))
	if errors.Is(err, errCode) {
		if err := s.store.Audit(ctx, store.BySystem, "login.failed", who.Name, "两步验证 "+network(api.VisitorOf(ctx))); err != nil {
			return err
		}
		return s.showSecond(c, who, http.StatusUnauthorized, "验证码不对，或者已经用过。")
	}
	if err != nil {
		s.brake.undo(watch.name)
		return err
	}
	s.brake.passed(watch.name)
	u, err := s.store.User(who.Name)
	if err != nil {
		return err
	}
	return s.enter(ctx, c, u, storedSession{How: who.stored.How + "+code", Next: who.stored.Next})
}

// takeCode accepts a code of the app or a recovery code, each once.
func (s *Staff) takeCode(ctx context.Context, name, text string) error {
	text = strings.ToLower(strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return -1
		}
		return r
	}, text))
	action := "login.code"
	if len(text) > codeDigits {
		action = "login.recovery"
	}
	return s.store.SetSecondFactor(ctx, name, action, name, func(f *store.SecondFactor) (*store.SecondFactor, error) {
		if f == nil {
			return nil, errCode
		}
		if step, ok := s.step(f.Secret, text, f.Last); ok {
			f.Last = step
			return f, nil
		}
		at := slices.Index(f.Recovery, hashOf(text))
		if at < 0 {
			return nil, errCode
		}
		f.Recovery = slices.Delete(f.Recovery, at, at+1)
		return f, nil
	})
}

// step is the time step whose code text is, if it comes after the last one
// that was used.
func (s *Staff) step(secret, text string, last uint64) (uint64, bool) {
	now := uint64(s.now().Unix()) / codePeriod
	for step := now - codeSkew; step <= now+codeSkew; step++ {
		want, err := hotp.GenerateCodeCustom(secret, step, hotp.ValidateOpts{Digits: codeDigits, Algorithm: otp.AlgorithmSHA1})
		if err == nil && step > last && subtle.ConstantTimeCompare([]byte(want), []byte(text)) == 1 {
			return step, true
		}
	}
	return 0, false
}

// An enrolPage shows a new secret.
type enrolPage struct {
	Secret, Problem string
	Picture         template.URL // a QR code as a data address
	Required        bool
}

// enrolForm shows the secret of a second factor that is being set up.
func (s *Staff) enrolForm(ctx context.Context, c *fiber.Ctx, who Session) error {
	if who.stored.Stage == stageSecond || who.stored.Stage == stageFull && who.stored.Pending == "" {
		return c.Redirect(who.stored.Stage.path(), http.StatusSeeOther)
	}
	if who.stored.Pending == "" {
		secret, err := newSecret(who.Name)
		if err != nil {
			return err
		}
		if err := s.changeSession(ctx, who.id, func(st *storedSession) { st.Pending = secret }); err != nil {
			return err
		}
		who.stored.Pending = secret
	}
	return s.showEnrol(c, who, http.StatusOK, "")
}

// newSecret makes the secret of a second factor.
func newSecret(name string) (string, error) {
	key, err := totp.Generate(totp.GenerateOpts{Issuer: "govqa", AccountName: name, Period: codePeriod, SecretSize: 20, Digits: codeDigits})
	if err != nil {
		return "", fmt.Errorf("second factor: %w", err)
	}
	return key.Secret(), nil
}

func (s *Staff) showEnrol(c *fiber.Ctx, who Session, status int, problem string) error {
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(who.stored.Pending)
	if err != nil {
		return fmt.Errorf("second factor: %w", err)
	}
	key, err := totp.Generate(totp.GenerateOpts{Issuer: s.cfg.Service, AccountName: who.Name, Period: codePeriod, Secret: raw, Digits: codeDigits})
	if err != nil {
		return fmt.Errorf("second factor: %w", err)
	}
	picture, err := key.Image(picturePixels, picturePixels)
	if err != nil {
		return fmt.Errorf("second factor: %w", err)
	}
	var buf bytes.Buffer
	if err := png.Encode(&buf, picture); err != nil {
		return fmt.Errorf("second factor: %w", err)
	}
	return s.Render(c, s.framed(who), status, "enrol", "设置两步验证", enrolPage{
		Secret: grouped(who.stored.Pending), Problem: problem, Required: who.stored.Stage == stageEnrol,
		Picture: template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(buf.Bytes())),
	})
}

// framed is a session as the frame shows it.
func (s *Staff) framed(who Session) Session {
	if who.stored.Stage != stageFull {
		return outside(who)
	}
	return who
}

// grouped writes a long text in groups of four.
func grouped(text string) string {
	var groups []string
	for part := range slices.Chunk([]byte(text), 4) {
		groups = append(groups, string(part))
	}
	return strings.Join(groups, " ")
}

// enrol takes the first code of a new second factor, shows the recovery codes
// and begins the session anew.
func (s *Staff) enrol(ctx context.Context, c *fiber.Ctx, who Session) error {
	secret := who.stored.Pending
	if secret == "" || who.stored.Stage == stageSecond {
		return c.Redirect(who.stored.Stage.path(), http.StatusSeeOther)
	}
	watch := watched{"second " + who.Name, paceSecond}
	if wait := s.brake.try(watch); wait > 0 {
		return s.showEnrol(c, who, http.StatusTooManyRequests, fmt.Sprintf("尝试的次数太多，请过 %d 秒再试。", 1+int(wait.Seconds())))
	}
	step, ok := s.step(secret, strings.ReplaceAll(c.FormValue("code"), " ", ""), 0)
	if !ok {
		return s.showEnrol(c, who, http.StatusUnprocessableEntity, "验证码不对。请确认手机的时间准确，再输入当前显示的六位数字。")
	}
	s.brake.passed(watch.name)
	codes, hashes := newRecovery()
	err := s.store.SetSecondFactor(ctx, who.Name, "user.second", who.Name, func(f *store.SecondFactor) (*store.SecondFactor, error) {
		if f != nil && who.stored.Stage == stageEnrol { // set up in another window meanwhile
			return nil, errForged()
		}
		return &store.SecondFactor{Secret: secret, Since: s.now().UTC(), Last: step, Recovery: hashes}, nil
	})
	if err != nil {
		return err
	}
	u, err := s.renew(ctx, c, who, storedSession{How: strings.TrimSuffix(who.stored.How, "+code") + "+code"})
	if err != nil {
		return err
	}
	return s.Render(c, u, http.StatusOK, "codes", "备用码", struct {
		Codes []string
		Next  string
	}{codes, ownPath(who.stored.Next)})
}

// newRecovery makes recovery codes and what is kept of them.
func newRecovery() (codes, hashes []string) {
	for range recoveryCodes {
		b := make([]byte, recoveryBytes)
		rand.Read(b) // never fails
		code := strings.ToLower(base32.StdEncoding.EncodeToString(b))
		codes, hashes = append(codes, strings.ReplaceAll(grouped(code), " ", "-")), append(hashes, hashOf(code))
	}
	return codes, hashes
}

// renew ends the other sessions of who and begins a new one in place of this,
// as after every change of what the account can do or how it gets in.
func (s *Staff) renew(ctx context.Context, c *fiber.Ctx, who Session, st storedSession) (Session, error) {
	if err := s.store.EndSessions(ctx, who.Name, who.Name); err != nil {
		return Session{}, err
	}
	return s.again(ctx, c, who, st)
}

// again begins a new session in place of that of who.
func (s *Staff) again(ctx context.Context, c *fiber.Ctx, who Session, st storedSession) (Session, error) {
	u, err := s.store.User(who.Name)
	if err != nil {
		return Session{}, err
	}
	token, err := s.begin(ctx, c, u, st)
	if err != nil {
		return Session{}, err
	}
	if who.stored.Stage != stageFull {
		if err := s.store.Audit(ctx, u.Name, "login", st.How, network(api.VisitorOf(ctx))); err != nil {
			return Session{}, err
		}
		s.know(c, u.Name)
	}
	id := hashOf(token)
	if st, err = s.readSession(id); err != nil {
		return Session{}, err
	}
	return Session{Name: u.Name, Roles: u.Roles, CSRF: mask(st.Secret), id: id, stored: st}, nil
}

// renewSecond begins the set-up of a new second factor for who is logged in
// and gives the password once more.
func (s *Staff) renewSecond(ctx context.Context, c *fiber.Ctx, who Session) error {
	u, err := s.store.User(who.Name)
	if err != nil {
		return err
	}
	if !u.HasPassword() {
		return api.NewProblem(http.StatusUnprocessableEntity, "您用统一登录，两步验证请在那里设置。")
	}
	if err := s.confirm(ctx, c, who); err != nil {
		return err
	}
	secret, err := newSecret(who.Name)
	if err != nil {
		return err
	}
	if err := s.changeSession(ctx, who.id, func(st *storedSession) { st.Pending = secret }); err != nil {
		return err
	}
	return c.Redirect(stageEnrol.path(), http.StatusSeeOther)
}

// dropSecond removes a second factor that is not required.
func (s *Staff) dropSecond(ctx context.Context, c *fiber.Ctx, who Session) error {
	u, err := s.store.User(who.Name)
	if err != nil {
		return err
	}
	if s.needsSecond(u) {
		return api.NewProblem(http.StatusForbidden, "您的角色必须使用两步验证，不能关闭。")
	}
	if err := s.confirm(ctx, c, who); err != nil {
		return err
	}
	err = s.store.SetSecondFactor(ctx, who.Name, "user.second.drop", who.Name, func(*store.SecondFactor) (*store.SecondFactor, error) { return nil, nil })
	if err == nil {
		_, err = s.renew(ctx, c, who, storedSession{How: "password"})
	}
	if err != nil {
		return err
	}
	return c.Redirect("/staff/account", http.StatusSeeOther)
}
