package answer

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// stateLife is how long a conversation can be taken up again.
const stateLife = 24 * time.Hour

// errState means that a state is damaged, forged or too old.
var errState = errors.New("conversation state")

// A state is what the server would have to remember of a conversation. It
// goes out signed with each answer and comes back with the next question, so
// that any server can answer it.
type state struct {
	Matter  string            `json:"m,omitempty"` // the matter talked about
	Aspect  nlp.Aspect        `json:"a,omitempty"` // asked for last
	Offered []string          `json:"o,omitempty"` // codes named or offered as choices, in their order
	Picks   []pick            `json:"k,omitempty"` // the numbered options, where they are not Offered
	Base    string            `json:"b,omitempty"` // the question that was asked back
	Rounds  int               `json:"r,omitempty"` // how often, in a row
	Place   corpus.RegionCode `json:"p,omitempty"` // named in the conversation
	Foreign string            `json:"f,omitempty"` // a place asked for that is not covered
	Cases   []string          `json:"s,omitempty"` // of the matter's materials, as they were offered
	Made    int64             `json:"t"`           // seconds since 1970
}

// A pick is one numbered option: how it can be said, and the matters that it
// leaves.
type pick struct {
	Texts []string `json:"x"`
	Codes []string `json:"c"`
}

// offers reports whether a code is that of a matter offered.
func (s *state) offers(code string) bool {
	return slices.Contains(s.Offered, code) || slices.ContainsFunc(s.Picks, func(p pick) bool { return slices.Contains(p.Codes, code) })
}

// sign writes the state and its HMAC-SHA-256 as one URL-safe word.
func (s state) sign(key []byte, now time.Time) (string, error) {
	s.Made = now.Unix()
	body, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("conversation state: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(append(mac(key, body), body...)), nil
}

// readState checks and reads what sign wrote. Empty text is an empty state.
func readState(text string, key []byte, now time.Time) (state, error) {
	var s state
	if text == "" {
		return s, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) < sha256.Size {
		return state{}, errState
	}
	sum, body := b[:sha256.Size], b[sha256.Size:]
	if !hmac.Equal(sum, mac(key, body)) {
		return state{}, errState
	}
	if err := json.Unmarshal(body, &s); err != nil {
		return state{}, errState
	}
	if age := now.Sub(time.Unix(s.Made, 0)); age < -time.Minute || age > stateLife {
		return state{}, errState
	}
	return s, nil
}

func mac(key, body []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(body)
	return h.Sum(nil)
}
