package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/emmansun/gmsm/sm3"
)

// The headers of Standard Webhooks. The id is the key of idempotency: what is
// sent again comes under the same one.
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp" // of the attempt, in seconds since 1970
	headerSignature = "Webhook-Signature"
)

// secretPrefix marks a secret as that of a webhook.
const secretPrefix = "whsec_"

func newSecret() string {
	key := make([]byte, 32)
	rand.Read(key) // never fails (crypto/rand)
	return secretPrefix + base64.StdEncoding.EncodeToString(key)
}

// signature signs an id, a time and a body: the name of the scheme, a comma,
// and the code in base64. Standard Webhooks calls HMAC-SHA-256 v1.
func signature(algorithm, secret, id string, at time.Time, body []byte) (string, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, secretPrefix))
	if err != nil {
		return "", fmt.Errorf("secret: %w", err)
	}
	scheme, sum := "v1", sha256.New
	if algorithm == SM3 {
		scheme, sum = "sm3", sm3.New
	}
	mac := hmac.New(sum, key)
	fmt.Fprintf(mac, "%s.%d.", id, at.Unix())
	mac.Write(body)
	return scheme + "," + base64.StdEncoding.EncodeToString(mac.Sum(nil)), nil
}

// sign sets the headers of an attempt. During a rotation there is a signature
// by either secret.
func sign(h http.Header, e *Endpoint, id string, now time.Time, body []byte) error {
	var all []string
	for _, secret := range e.secrets(now) {
		s, err := signature(e.Algorithm, secret, id, now, body)
		if err != nil {
			return err
		}
		all = append(all, s)
	}
	h.Set(headerID, id)
	h.Set(headerTimestamp, strconv.FormatInt(now.Unix(), 10))
	h.Set(headerSignature, strings.Join(all, " "))
	return nil
}
