package wechat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The platforms' servers.
const (
	officialAPI = "https://api.weixin.qq.com"
	wecomAPI    = "https://qyapi.weixin.qq.com"
)

// A Client calls the platform: it sends messages to people who wrote within
// the last 48 hours and sets the menu.
type Client struct {
	kind    Kind
	id      string
	secret  string
	agent   int // of WeCom
	api     string
	http    *http.Client
	now     func() time.Time
	waiting sync.Mutex // held by whoever fetches a token

	mu    sync.Mutex
	token string
	until time.Time
}

// NewClient makes a client. The api is the platform's address, "" for the
// real one.
func NewClient(kind Kind, id, secret string, agent int, api string) *Client {
	if api == "" {
		api = officialAPI
		if kind == WeCom {
			api = wecomAPI
		}
	}
	return &Client{kind: kind, id: id, secret: secret, agent: agent, api: strings.TrimSuffix(api, "/"), http: &http.Client{Timeout: 10 * time.Second}, now: time.Now}
}

// A PlatformError is a refusal by the platform.
type PlatformError struct {
	Code    int    `json:"errcode"`
	Message string `json:"errmsg"`
}

func (e *PlatformError) Error() string { return fmt.Sprintf("平台答复 %d %s", e.Code, e.Message) }

// stale reports whether the platform does not know our token any more.
func (e *PlatformError) stale() bool {
	return e.Code == 40001 || e.Code == 40014 || e.Code == 42001
}

// Send sends a text to a person.
func (c *Client) Send(ctx context.Context, to, text string) error {
	type content struct {
		Content string `json:"content"`
	}
	body := struct {
		To    string  `json:"touser"`
		Type  string  `json:"msgtype"`
		Agent int     `json:"agentid,omitempty"`
		Text  content `json:"text"`
	}{to, "text", c.agent, content{text}}
	path := "/cgi-bin/message/custom/send"
	if c.kind == WeCom {
		path = "/cgi-bin/message/send"
	}
	return c.call(ctx, path, nil, body)
}

// SetMenu replaces the account's menu.
func (c *Client) SetMenu(ctx context.Context, m Menu) error {
	q := url.Values{}
	if c.kind == WeCom {
		q.Set("agentid", strconv.Itoa(c.agent))
	}
	return c.call(ctx, "/cgi-bin/menu/create", q, m)
}

// call posts to the platform; a token that it does not know any more is
// fetched anew once.
func (c *Client) call(ctx context.Context, path string, q url.Values, body any) error {
	for try := 0; ; try++ {
		token, err := c.access(ctx)
		if err != nil {
			return err
		}
		query := url.Values{"access_token": {token}}
		for k, v := range q {
			query[k] = v
		}
		var refused *PlatformError
		err = c.do(ctx, http.MethodPost, path+"?"+query.Encode(), body, nil)
		if try > 0 || !errors.As(err, &refused) || !refused.stale() {
			return err
		}
		c.mu.Lock()
		if c.token == token {
			c.token = ""
		}
		c.mu.Unlock()
	}
}

// early is how long before its end a token is not used any more.
const early = 5 * time.Minute

func (c *Client) cached() (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.token, c.token != "" && c.now().Before(c.until)
}

// access returns a token. The platform gives a few a day, so there is one for
// all, and one fetches it.
func (c *Client) access(ctx context.Context) (string, error) {
	if token, ok := c.cached(); ok {
		return token, nil
	}
	c.waiting.Lock()
	defer c.waiting.Unlock()
	if token, ok := c.cached(); ok {
		return token, nil
	}
	var got struct {
		Token   string `json:"access_token"`
		Seconds int    `json:"expires_in"`
	}
	var err error
	if c.kind == WeCom {
		q := url.Values{"corpid": {c.id}, "corpsecret": {c.secret}}
		err = c.do(ctx, http.MethodGet, "/cgi-bin/gettoken?"+q.Encode(), nil, &got)
	} else {
		err = c.do(ctx, http.MethodPost, "/cgi-bin/stable_token",
			map[string]string{"grant_type": "client_credential", "appid": c.id, "secret": c.secret}, &got)
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("access token: %w", err)
	case got.Token == "":
		return "", errors.New("access token: the platform gave none")
	}
	life := time.Duration(got.Seconds) * time.Second
	c.mu.Lock()
	defer c.mu.Unlock()
	c.token, c.until = got.Token, c.now().Add(max(life-early, life/2))
	return c.token, nil
}

// do sends one request and reads the platform's answer into reply.
func (c *Client) do(ctx context.Context, method, path string, body, reply any) error {
	var text bytes.Buffer
	if body != nil {
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false) // the platform shows \u003c as it stands
		if err := enc.Encode(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, c.api+path, &text)
	if err != nil {
		return errors.New("platform's address cannot be read")
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	resp, err := c.http.Do(req)
	if err != nil {
		var at *url.Error
		if errors.As(err, &at) { // its text has the address, and that the secret
			err = at.Err
		}
		return fmt.Errorf("platform: %w", err)
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("platform: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("platform: %s", resp.Status)
	}
	var refused PlatformError
	if err := json.Unmarshal(said, &refused); err != nil {
		return fmt.Errorf("platform: %w", err)
	}
	if refused.Code != 0 {
		return &refused
	}
	if reply == nil {
		return nil
	}
	return json.Unmarshal(said, reply)
}
