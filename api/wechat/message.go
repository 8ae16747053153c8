package wechat

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// A message is what the platform posts.
type message struct {
	To          string `xml:"ToUserName"`
	From        string `xml:"FromUserName"`
	Created     int64  `xml:"CreateTime"`
	Type        string `xml:"MsgType"`
	ID          string `xml:"MsgId"`
	Content     string `xml:"Content"`
	Recognition string `xml:"Recognition"` // what was said, of a voice message
	Event       string `xml:"Event"`
	EventKey    string `xml:"EventKey"`
	Encrypt     string `xml:"Encrypt"`
}

// key names a message for good: what is posted again has the same.
func (m *message) key() string {
	if m.ID != "" {
		return "id " + m.ID
	}
	return strings.Join([]string{"event", m.From, strconv.FormatInt(m.Created, 10), m.Event, m.EventKey}, " ")
}

// ErrBadXML means that a body is not the XML of a callback.
var ErrBadXML = errors.New("body is not a callback")

// A callback is flat and short. What is deeper or longer is an attack.
const (
	maxDepth    = 8
	maxElements = 200
)

// parse reads a callback's XML. Declarations of types, with which a few bytes
// grow to gigabytes or files are read, are refused before anything is decoded;
// so is every other encoding than UTF-8.
func parse(body []byte) (*message, error) {
	depth, elements := 0, 0
	for dec := xml.NewDecoder(bytes.NewReader(body)); ; {
		t, err := dec.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBadXML, err)
		}
		switch t.(type) {
		case xml.Directive:
			return nil, fmt.Errorf("%w: it declares types", ErrBadXML)
		case xml.StartElement:
			depth++
			elements++
		case xml.EndElement:
			depth--
		}
		if depth > maxDepth || elements > maxElements {
			return nil, fmt.Errorf("%w: it is too deep or too long", ErrBadXML)
		}
	}
	var m message
	if err := xml.Unmarshal(body, &m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadXML, err)
	}
	return &m, nil
}

type cdata struct {
	Text string `xml:",cdata"`
}

// A reply is a text to who wrote.
type reply struct {
	XMLName xml.Name `xml:"xml"`
	To      cdata    `xml:"ToUserName"`
	From    cdata    `xml:"FromUserName"`
	Created int64    `xml:"CreateTime"`
	Type    cdata    `xml:"MsgType"`
	Content cdata    `xml:"Content"`
}

func (m *message) reply(text string, now time.Time) ([]byte, error) {
	return xml.Marshal(reply{To: cdata{m.From}, From: cdata{m.To}, Created: now.Unix(), Type: cdata{"text"}, Content: cdata{text}})
}

// An envelope is an encrypted reply.
type envelope struct {
	XMLName   xml.Name `xml:"xml"`
	Encrypt   cdata    `xml:"Encrypt"`
	Signature cdata    `xml:"MsgSignature"`
	Timestamp int64    `xml:"TimeStamp"`
	Nonce     cdata    `xml:"Nonce"`
}
