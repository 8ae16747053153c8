package answer

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// MessageKinds are what a citizen can leave a message for.
var MessageKinds = []string{"咨询", "投诉", "建议", "意见征集"}

// The longest texts of a message, in characters.
const (
	MaxMessage = 1000
	maxContact = 100
	maxField   = 64 // codes and ids
)

var (
	// ErrBadMessage means that a message lacks something or has too much of it.
	ErrBadMessage = errors.New("bad message")
	// ErrNoMailbox means that nobody keeps messages here.
	ErrNoMailbox = errors.New("no mailbox")
)

// A Message (留言) is what a citizen writes to the agencies. Name and contact
// are optional: who leaves none looks the reply up by its number.
type Message struct {
	Kind    string            `json:"kind"` // of MessageKinds
	Text    string            `json:"text"`
	Region  corpus.RegionCode `json:"region,omitempty"`
	Matter  string            `json:"matter,omitempty"` // code of the matter it is about
	Answer  string            `json:"answer,omitempty"` // id of the answer that did not help
	Name    string            `json:"name,omitempty"`   // how to address the citizen
	Contact string            `json:"contact,omitempty"`
	ID      string            `json:"id,omitempty"` // the sender's own; what is sent twice under one ID is kept once
}

// A MessageFault says what about a message is wrong.
type MessageFault struct {
	Field string // its JSON key
	Why   string // in Chinese
}

// Faults lists what is wrong with a message. A message without faults is kept.
func (m Message) Faults() []MessageFault {
	var faults []MessageFault
	add := func(wrong bool, field, why string) {
		if wrong {
			faults = append(faults, MessageFault{field, why})
		}
	}
	add(!slices.Contains(MessageKinds, m.Kind), "kind", "请选择以下之一："+strings.Join(MessageKinds, "、"))
	n := utf8.RuneCountInString(strings.TrimSpace(m.Text))
	add(n == 0, "text", "请写下您要说的内容")
	add(n > MaxMessage, "text", fmt.Sprintf("不能超过 %d 个字，现在有 %d 个字", MaxMessage, n))
	add(m.Region != "" && !m.Region.Valid(), "region", "应为 6、9 或 12 位行政区划代码")
	add(utf8.RuneCountInString(m.Name) > maxContact, "name", fmt.Sprintf("不能超过 %d 个字", maxContact))
	add(utf8.RuneCountInString(m.Contact) > maxContact, "contact", fmt.Sprintf("不能超过 %d 个字", maxContact))
	add(len(m.Matter) > 10*maxField, "matter", "事项编码太长")
	add(len(m.Answer) > maxField, "answer", "回答编号太长")
	add(len(m.ID) > maxField, "id", "太长")
	return faults
}

// A KeptMessage is a message as the journal keeps it.
type KeptMessage struct {
	Number   string         `json:"number"`
	CodeHash string         `json:"codeHash"` // of the look-up code, which itself is kept nowhere
	Received time.Time      `json:"received"`
	Edition  corpus.Edition `json:"edition"`
	Message  Message        `json:"message"`
}

// A MessageReply is an agency's reply to a message.
type MessageReply struct {
	Number string    `json:"number,omitempty"` // of the message
	Agency string    `json:"agency,omitempty"`
	Text   string    `json:"text"`
	Time   time.Time `json:"time"`
}

// A Mailbox keeps messages.
type Mailbox interface {
	// Keep keeps m for good before it returns. If there is a message of that
	// number already it keeps nothing and returns the one there is.
	Keep(ctx context.Context, m KeptMessage) (KeptMessage, error)
	// Find returns the message of a number and its replies, oldest first, or
	// corpus.ErrNotFound.
	Find(ctx context.Context, number string) (KeptMessage, []MessageReply, error)
}

// A Receipt is what a citizen needs to look a message up.
type Receipt struct {
	Number   string    `json:"number"` // twelve digits
	Code     string    `json:"code"`   // eight digits, told once
	Received time.Time `json:"received"`
}

// The states of a message.
const (
	MessageReceived = "received"
	MessageAnswered = "answered"
)

// A MessageStatus is what became of a message. It has neither the name nor
// the contact that came with it.
type MessageStatus struct {
	Number   string         `json:"number"`
	Kind     string         `json:"kind"`
	Text     string         `json:"text"`
	Matter   string         `json:"matter,omitempty"`
	Status   string         `json:"status"` // received or answered
	Received time.Time      `json:"received"`
	Replies  []MessageReply `json:"replies"` // oldest first
}

// Leave keeps a citizen's message and returns its receipt. The message is on
// the disk when Leave returns. Number and code follow from what was sent, so
// that who lost the reply and sends the same again gets the same receipt.
func (e *Engine) Leave(ctx context.Context, m Message) (Receipt, error) {
	m.Text, m.Name, m.Contact = strings.TrimSpace(m.Text), strings.TrimSpace(m.Name), strings.TrimSpace(m.Contact)
	if faults := m.Faults(); len(faults) > 0 {
		return Receipt{}, fmt.Errorf("%s: %w", faults[0].Field, ErrBadMessage)
	}
	if e.Mailbox == nil {
		return Receipt{}, ErrNoMailbox
	}
	if m.ID == "" {
		m.ID = rand.Text()
	}
	content, err := json.Marshal(m)
	if err != nil {
		return Receipt{}, fmt.Errorf("message: %w", err)
	}
	kept := KeptMessage{Received: e.Now().UTC().Truncate(time.Second), Edition: e.Edition(), Message: m}
	for try := byte(0); ; try++ { // another message may have the number, though hardly ever
		number, code := e.numberOf(content, try)
		kept.Number, kept.CodeHash = number, codeHash(number, code)
		there, err := e.Mailbox.Keep(ctx, kept)
		if err != nil {
			return Receipt{}, err
		}
		if there.CodeHash == kept.CodeHash {
			return Receipt{number, code, there.Received}, nil
		}
		if try == 255 {
			return Receipt{}, errors.New("message: no number is free")
		}
	}
}

// numberOf draws a number and a code from a message's content under the key
// of the service: nobody else can tell them.
func (e *Engine) numberOf(content []byte, try byte) (number, code string) {
	mac := hmac.New(sha256.New, e.StateKey)
	mac.Write([]byte("message\x00"))
	mac.Write([]byte{try})
	mac.Write(content)
	sum := mac.Sum(nil)
	return fmt.Sprintf("%012d", binary.BigEndian.Uint64(sum)%1e12), fmt.Sprintf("%08d", binary.BigEndian.Uint64(sum[8:])%1e8)
}

func codeHash(number, code string) string {
	sum := sha256.Sum256([]byte("message code\x00" + number + "\x00" + code))
	return hex.EncodeToString(sum[:])
}

// MessageStatus looks a message up by its number and code, as they are
// written: spaces and dashes do not matter. A wrong code is
// corpus.ErrNotFound like a wrong number, so that neither can be guessed alone.
func (e *Engine) MessageStatus(ctx context.Context, number, code string) (MessageStatus, error) {
	if e.Mailbox == nil {
		return MessageStatus{}, ErrNoMailbox
	}
	number, code = digitsOf(number), digitsOf(code)
	kept, replies, err := e.Mailbox.Find(ctx, number)
	if err != nil {
		return MessageStatus{}, err
	}
	if subtle.ConstantTimeCompare([]byte(kept.CodeHash), []byte(codeHash(number, code))) != 1 {
		return MessageStatus{}, fmt.Errorf("message: %w", corpus.ErrNotFound)
	}
	s := MessageStatus{Number: kept.Number, Kind: kept.Message.Kind, Text: kept.Message.Text, Matter: kept.Message.Matter,
		Status: MessageReceived, Received: kept.Received, Replies: []MessageReply{}}
	for _, r := range replies {
		r.Number = ""
		s.Status, s.Replies = MessageAnswered, append(s.Replies, r)
	}
	return s, nil
}

// digitsOf keeps the digits of a number as people write it.
func digitsOf(s string) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, nlp.Normalize(s))
}
