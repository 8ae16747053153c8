package staff

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/corpus/store"
)

// deviceLife is how long a browser is known after a login.
const deviceLife = 180 * 24 * time.Hour

// know lets the browser prove later that the account was entered from it.
func (s *Staff) know(c *fiber.Ctx, name string) {
	nonce := newToken()
	setCookie(c, "device", nonce+"."+s.vouch("device "+name, nonce), deviceLife)
}

// device names the browser if the account was entered from it before, and is
// "" if not.
func (s *Staff) device(c *fiber.Ctx, name string) string {
	nonce, proof, _ := strings.Cut(c.Cookies(cookieName(c, "device")), ".")
	if nonce == "" || !hmac.Equal([]byte(proof), []byte(s.vouch("device "+name, nonce))) {
		return ""
	}
	return nonce
}

// vouch signs a text for one purpose.
func (s *Staff) vouch(purpose, text string) string {
	m := hmac.New(sha256.New, s.secret)
	m.Write([]byte(purpose + "\x00" + text))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// keep returns the program's own secret of a name, which it makes when it is
// first asked for.
func (s *Staff) keep(ctx context.Context, name string) (secret []byte, err error) {
	if secret, err = s.store.Doc("secret", name); secret != nil || err != nil {
		return secret, err
	}
	err = s.store.PutDoc(ctx, store.BySystem, "secret", name, func(old []byte) ([]byte, error) {
		if secret = old; secret == nil {
			secret = make([]byte, 32)
			rand.Read(secret) // never fails
		}
		return secret, nil
	})
	return secret, err
}
