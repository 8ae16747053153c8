package staff

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/api"
)

// The kinds of documents of keys.
const (
	docKey    = "apikey"
	docKeyUse = "apikey.use"
	docUsed   = "apikey.used"
)

// keyPrefix begins every key, so that one that got lost is recognised.
const keyPrefix = "govqa_"

// A storedKey is the document of an API key. Of the key itself only a hash is
// kept: it is random and long, so a plain one will do.
type storedKey struct {
	Name    string    `json:"name"`
	Scopes  []string  `json:"scopes"`
	Hash    string    `json:"hash"`
	Created time.Time `json:"created"`
	By      string    `json:"by"`
	Expires time.Time `json:"expires"`

	// What the key may do at most; 0 leaves it to the API.
	PerMinute int `json:"perMinute,omitempty"`
	PerDay    int `json:"perDay,omitempty"`

	// The key before the last rotation, good for a while still.
	OldHash  string    `json:"oldHash,omitempty"`
	OldUntil time.Time `json:"oldUntil,omitzero"`
}

// errBadKey means that a key is unknown, wrong or no longer good.
var errBadKey = errors.New("bad key")

var _ api.Keys = (*Staff)(nil)

// Bearer is who calls with the given value of the header Authorization. The
// key must have the scope; an empty scope is none that a key can have. The
// errors are problems with the status 401 and 403.
func (s *Staff) Bearer(ctx context.Context, authorization, scope string) (Session, error) {
	kind, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(kind, "Bearer") {
		return Session{}, api.NewProblem(http.StatusUnauthorized, "")
	}
	id, k, err := s.readKey(strings.TrimSpace(token))
	if errors.Is(err, errBadKey) {
		return Session{}, api.NewProblem(http.StatusUnauthorized, "")
	}
	if err != nil {
		return Session{}, err
	}
	who := Session{Name: "key:" + k.Name, Scopes: k.Scopes}
	if scope == "" || !slices.Contains(k.Scopes, scope) {
		return Session{}, errors.Join(s.store.Audit(ctx, who.Name, "denied", "scope "+scope, ""),
			api.NewProblem(http.StatusForbidden, "这个接口密钥没有所需的范围。"))
	}
	return who, s.noteUse(ctx, id)
}

// bearer is Bearer of a request.
func (s *Staff) bearer(ctx context.Context, c *fiber.Ctx, scope string) (Session, error) {
	who, err := s.Bearer(ctx, c.Get(fiber.HeaderAuthorization), scope)
	var p *api.Problem
	if errors.As(err, &p) && p.Status == http.StatusUnauthorized {
		c.Set(fiber.HeaderWWWAuthenticate, "Bearer")
	}
	return who, err
}

// Key implements [api.Keys].
func (s *Staff) Key(ctx context.Context, authorization string) (api.Key, error) {
	_, token, _ := strings.Cut(authorization, " ")
	id, k, err := s.readKey(strings.TrimSpace(token))
	if errors.Is(err, errBadKey) {
		return api.Key{}, api.NewProblem(http.StatusUnauthorized, "没有这个接口密钥，或它已经停用、过期。")
	}
	if err != nil {
		return api.Key{}, err
	}
	return api.Key{ID: id, Name: k.Name, Scopes: k.Scopes, PerMinute: k.PerMinute, PerDay: k.PerDay}, s.noteUse(ctx, id)
}

// A dayUse is how often a key was used on a day.
type dayUse struct {
	Day string `json:"day"`
	N   int    `json:"n"`
}

// Used implements [api.Keys].
func (s *Staff) Used(_ context.Context, id, day string) (int, error) {
	var use dayUse
	value, err := s.store.Doc(docUsed, id)
	if err != nil || value == nil {
		return 0, err
	}
	if err := json.Unmarshal(value, &use); err != nil {
		return 0, fmt.Errorf("use of key %s: %w", id, err)
	}
	if use.Day != day {
		return 0, nil
	}
	return use.N, nil
}

// KeepUsed implements [api.Keys].
func (s *Staff) KeepUsed(ctx context.Context, id, day string, n int) error {
	value, err := json.Marshal(dayUse{day, n})
	if err != nil {
		return err
	}
	return s.store.PutDoc(ctx, "key:"+id, docUsed, id, func([]byte) ([]byte, error) { return value, nil })
}

// readKey finds the document of a key that is good now.
func (s *Staff) readKey(token string) (id string, k storedKey, err error) {
	rest, ok := strings.CutPrefix(token, keyPrefix)
	id, _, cut := strings.Cut(rest, "_")
	if !ok || !cut || !keyID.MatchString(id) {
		return "", k, errBadKey
	}
	if k, err = s.key(id); err != nil {
		return id, k, err
	}
	hash, now := []byte(hashOf(token)), s.now()
	current := subtle.ConstantTimeCompare(hash, []byte(k.Hash)) == 1 && now.Before(k.Expires)
	previous := subtle.ConstantTimeCompare(hash, []byte(k.OldHash)) == 1 && now.Before(k.OldUntil)
	if !current && !previous {
		return id, k, errBadKey
	}
	return id, k, nil
}

var keyID = regexp.MustCompile(`^[0-9a-f]{12}$`)

// key reads the document of a key, or returns errBadKey.
func (s *Staff) key(id string) (k storedKey, err error) {
	value, err := s.store.Doc(docKey, id)
	if err != nil {
		return k, err
	}
	if value == nil {
		return k, errBadKey
	}
	if err := json.Unmarshal(value, &k); err != nil {
		return k, fmt.Errorf("key %s: %w", id, err)
	}
	return k, nil
}

// noteUse keeps when a key was last used, to the minute.
func (s *Staff) noteUse(ctx context.Context, id string) error {
	now := s.now().UTC().Truncate(seenEvery)
	value, err := now.MarshalText()
	if err != nil {
		return err
	}
	was, err := s.store.Doc(docKeyUse, id)
	if err != nil || string(was) == string(value) {
		return err
	}
	return s.store.PutDoc(ctx, "key:"+id, docKeyUse, id, func([]byte) ([]byte, error) { return value, nil })
}

// newKey makes a key's id, and the key, which is shown once and never kept.
func newKey(id string) (string, string) {
	if id == "" {
		b := make([]byte, 6)
		rand.Read(b) // never fails
		id = hex.EncodeToString(b)
	}
	return id, keyPrefix + id + "_" + newToken()
}
