// Package wechat lets people ask in a WeChat official account (微信公众号) and
// in WeCom (企业微信): it takes the platform's callbacks and answers them with
// the same Ask as every other channel.
//
// A callback is believed only with the platform's signature, of now, and,
// where a key is configured, encrypted for this very account. Each message is
// answered once, however often the platform posts it. The platform waits five
// seconds: what takes longer is sent afterwards, or given to the platform's
// next try. Whom a conversation is with is kept only as a pseudonym, for a
// day.
package wechat

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/store"
)

// A Kind is a platform.
type Kind string

// The platforms.
const (
	Official Kind = "wechat"
	WeCom    Kind = "wecom"
)

// An Engine answers. Its methods are called by many at once.
type Engine interface {
	Ask(ctx context.Context, r answer.Request) (answer.Answer, error)
	Events(ctx context.Context, region corpus.RegionCode) ([]answer.LifeEvent, error)
	Event(ctx context.Context, id string) (*answer.EventGuide, error)
}

// Config is what an account is made of.
type Config struct {
	Kind    Kind
	ID      string            // app id, or the id of the corporation
	Token   string            // signs callbacks
	AESKey  string            // encrypts them; with it, what is not encrypted is refused. WeCom needs it
	Site    string            // address of the citizen pages, for links; "" writes none
	Region  corpus.RegionCode // of who does not say where; may be empty
	Title   string            // of the service, for the greeting
	Hotline string            // for when nothing else helps
	Key     []byte            // makes pseudonyms; at least 16 bytes

	Client *Client          // sends what comes late; nil leaves it to the platform's next try
	Engine Engine           // answers
	Store  *store.Store     // keeps where conversations stand
	Log    *slog.Logger     // nil logs nothing
	Now    func() time.Time // nil is time.Now
	Wait   time.Duration    // how long a callback waits for its answer; 0 means 4.5 s, what the platform leaves us
}

var tokenForm = regexp.MustCompile(`^[A-Za-z0-9]{3,32}$`)

// An Account takes the callbacks of one account. Make one with New.
type Account struct {
	Config
	box *box

	mu   sync.Mutex
	jobs map[string]*job

	seed  maphash.Seed
	turns [64]chan struct{} // one message at a time of each person

	base    context.Context // of all jobs; ends with Close
	stop    context.CancelFunc
	running sync.WaitGroup // jobs
}

// New makes an account. An error says what about cfg is wrong.
func New(cfg Config) (*Account, error) {
	a := &Account{Config: cfg, jobs: map[string]*job{}, seed: maphash.MakeSeed()}
	a.base, a.stop = context.WithCancel(context.Background())
	for i := range a.turns {
		a.turns[i] = make(chan struct{}, 1)
	}
	switch {
	case cfg.Kind != Official && cfg.Kind != WeCom:
		return nil, fmt.Errorf("没有平台 %q", cfg.Kind)
	case cfg.ID == "":
		return nil, errors.New("缺少 AppID 或企业 ID")
	case !tokenForm.MatchString(cfg.Token):
		return nil, errors.New("Token 应为 3 至 32 个字母或数字")
	case cfg.Kind == WeCom && cfg.AESKey == "":
		return nil, errors.New("企业微信必须配置 EncodingAESKey")
	case len(cfg.Key) < 16:
		return nil, errors.New("key is too short")
	}
	if cfg.AESKey != "" {
		var err error
		if a.box, err = newBox(cfg.AESKey, cfg.ID); err != nil {
			return nil, err
		}
	}
	if a.Log == nil {
		a.Log = slog.New(slog.DiscardHandler)
	}
	if a.Now == nil {
		a.Now = time.Now
	}
	if a.Wait == 0 {
		a.Wait = 4500 * time.Millisecond
	}
	return a, nil
}

// A Response is what the platform gets.
type Response struct {
	Status int
	Type   string // content type
	Body   []byte
}

// window is how old a callback may be: long enough for the platform's three
// tries and clocks that differ, short enough that what is caught on the way
// is soon of no use.
const window = 10 * time.Minute

// fresh reports whether a callback's time is of now.
func (a *Account) fresh(q url.Values) bool {
	seconds, err := strconv.ParseInt(q.Get("timestamp"), 10, 64)
	age := a.Now().Sub(time.Unix(seconds, 0))
	return err == nil && age < window && age > -window
}

// Verify answers the platform's check of the address: the word it sends, if
// the check is signed.
func (a *Account) Verify(q url.Values) (Response, error) {
	echo := q.Get("echostr")
	if !a.fresh(q) || echo == "" {
		return Response{}, ErrForged
	}
	if a.Kind == Official {
		if !sameText(q.Get("signature"), signature(a.Token, q.Get("timestamp"), q.Get("nonce"))) {
			return Response{}, ErrForged
		}
		return Response{http.StatusOK, "text/plain; charset=utf-8", []byte(echo)}, nil
	}
	if !sameText(q.Get("msg_signature"), signature(a.Token, q.Get("timestamp"), q.Get("nonce"), echo)) {
		return Response{}, ErrForged
	}
	word, err := a.box.open(echo)
	return Response{http.StatusOK, "text/plain; charset=utf-8", word}, err
}

// read checks and opens a callback.
func (a *Account) read(q url.Values, body []byte) (*message, error) {
	if !a.fresh(q) {
		return nil, ErrForged
	}
	if a.Kind == Official && !sameText(q.Get("signature"), signature(a.Token, q.Get("timestamp"), q.Get("nonce"))) {
		return nil, ErrForged // before the body is looked at
	}
	m, err := parse(body)
	if err != nil {
		return nil, err
	}
	if a.box == nil {
		if m.Encrypt != "" && m.From == "" {
			return nil, fmt.Errorf("%w: it is encrypted, and no EncodingAESKey is configured", ErrForged)
		}
		return m, nil
	}
	if !sameText(q.Get("msg_signature"), signature(a.Token, q.Get("timestamp"), q.Get("nonce"), m.Encrypt)) {
		return nil, ErrForged
	}
	plain, err := a.box.open(m.Encrypt)
	if err != nil {
		return nil, err
	}
	if m, err = parse(plain); err != nil {
		return nil, err
	}
	if a.Kind == WeCom && m.To != a.ID {
		return nil, ErrForged
	}
	return m, nil
}

// success tells the platform that nothing more is to come now.
func success() Response {
	return Response{http.StatusOK, "text/plain; charset=utf-8", []byte("success")}
}

// respond writes a text as the reply to a message.
func (a *Account) respond(m *message, text string) (Response, error) {
	if text == "" {
		return success(), nil
	}
	now := a.Now()
	body, err := m.reply(text, now)
	if err == nil && a.box != nil {
		nonce := rand.Text()
		sealed := a.box.seal(body)
		body, err = xml.Marshal(envelope{Encrypt: cdata{sealed}, Timestamp: now.Unix(), Nonce: cdata{nonce},
			Signature: cdata{signature(a.Token, strconv.FormatInt(now.Unix(), 10), nonce, sealed)}})
	}
	return Response{http.StatusOK, "application/xml; charset=utf-8", body}, err
}

// A job is the answering of one message.
type job struct {
	born  time.Time
	done  chan struct{} // closed when text is there
	text  string        // "" if nothing is to be said
	tries int
	late  bool // the text is to be sent when it is there
}

const (
	maxJobs   = 50_000           // remembered at once
	keepJobs  = 2 * window       // a callback that is caught and posted again is known as long as it is believed
	crowdJobs = 30 * time.Second // the least time one is remembered, when there are too many
	tries     = 3                // of the platform
)

// take returns the job of a message, and whether it is new. nil means that
// there are too many.
func (a *Account) take(key string) (j *job, fresh bool) {
	now := a.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if j = a.jobs[key]; j != nil && now.Sub(j.born) < keepJobs {
		j.tries++
		return j, false
	}
	if len(a.jobs) >= maxJobs {
		a.forget(now, crowdJobs)
		if len(a.jobs) >= maxJobs {
			return nil, false
		}
	}
	j = &job{born: now, done: make(chan struct{}), tries: 1}
	a.jobs[key] = j
	return j, true
}

func (a *Account) forget(now time.Time, keep time.Duration) {
	for key, j := range a.jobs {
		if now.Sub(j.born) >= keep {
			delete(a.jobs, key)
		}
	}
}

// Receive answers a callback. It returns within what the platform waits.
func (a *Account) Receive(ctx context.Context, q url.Values, body []byte) (Response, error) {
	m, err := a.read(q, body)
	if err != nil {
		return Response{}, err
	}
	j, fresh := a.take(m.key())
	switch {
	case j == nil:
		return a.respond(m, a.busy())
	case fresh:
		a.running.Go(func() { a.work(context.WithoutCancel(ctx), m, j) })
	}
	timer := time.NewTimer(a.Wait)
	defer timer.Stop()
	select {
	case <-j.done:
		return a.respond(m, j.text)
	case <-timer.C:
	case <-ctx.Done():
		return Response{}, ctx.Err()
	}
	return a.tooLate(ctx, m, j)
}

// tooLate is what a callback gets whose answer is not there in time.
func (a *Account) tooLate(ctx context.Context, m *message, j *job) (Response, error) {
	if a.Client != nil {
		if a.sendLater(j) {
			return success(), nil
		}
		return a.respond(m, j.text) // it has come this moment
	}
	a.mu.Lock()
	last := j.tries >= tries
	a.mu.Unlock()
	if last {
		return a.respond(m, "还在查询，请稍后把问题再发一次。")
	}
	// The platform hangs up and tries again; a word from us would stop it.
	timer := time.NewTimer(a.Wait)
	defer timer.Stop()
	select {
	case <-j.done:
		return a.respond(m, j.text)
	case <-timer.C:
	case <-ctx.Done():
	}
	return Response{}, context.DeadlineExceeded
}

// sendLater reports whether a job's text is still to come, and has it sent
// when it does.
func (a *Account) sendLater(j *job) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case <-j.done:
		return false
	default:
		j.late = true
		return true
	}
}

// longest is how long one answer may take, the models included.
const longest = 60 * time.Second

// work answers a message, and sends the answer where nobody waits any more.
func (a *Account) work(ctx context.Context, m *message, j *job) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	defer context.AfterFunc(a.base, cancel)()
	text := a.answer(ctx, m)
	a.mu.Lock()
	j.text = text
	close(j.done)
	late := j.late
	a.mu.Unlock()
	if late && text != "" {
		if err := a.Client.Send(ctx, m.From, text); err != nil {
			a.Log.Error("late answer not sent", "channel", a.Kind, "err", err)
		}
	}
}

func (a *Account) busy() string {
	return "现在咨询的人较多，请稍后再试，或拨打 " + a.hotline() + "。"
}

func (a *Account) hotline() string {
	if a.Hotline == "" {
		return "12345"
	}
	return a.Hotline
}

// answer is what is said to a message; "" is nothing.
func (a *Account) answer(ctx context.Context, m *message) string {
	switch m.Type {
	case "text":
		return a.ask(ctx, m.From, m.Content)
	case "voice":
		if strings.TrimSpace(m.Recognition) == "" {
			return "没有听清，请再说一遍，或者打字告诉我要办什么事。"
		}
		return a.ask(ctx, m.From, m.Recognition)
	case "event":
		return a.event(ctx, m)
	}
	return "目前只能回答文字和语音，请说说要办什么事，例如“办居住证要什么材料”。"
}

// maxReply is the length of the longest reply, in characters: the platforms
// take 2,048 bytes, and a character has three.
const maxReply = 600

func (a *Account) ask(ctx context.Context, from, text string) string {
	who := a.pseudonym(from)
	turn := a.turns[maphash.String(a.seed, who)%uint64(len(a.turns))]
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return a.busy()
	}
	state, err := a.recall(who)
	if err != nil {
		a.Log.Error("conversation not read", "channel", a.Kind, "err", err)
	}
	got, err := a.Engine.Ask(api.OnBehalf(ctx, who), answer.Request{Text: text, State: state, Region: a.Region, Channel: answer.ChannelWechat})
	switch {
	case errors.Is(err, answer.ErrBadQuestion):
		return fmt.Sprintf("请用一句话说要办什么事，最多 %d 个字。", answer.MaxText)
	case err != nil:
		a.Log.Warn("question not answered", "channel", a.Kind, "err", err)
		return a.busy()
	}
	if err := a.remember(ctx, who, got.State); err != nil {
		a.Log.Error("conversation not kept", "channel", a.Kind, "err", err)
	}
	hint := ""
	if got.Outcome == answer.Choose || got.Outcome == answer.Clarify {
		hint = "\n回复序号就可以选。"
	}
	return a.write(&got, hint)
}

// write writes an answer and, behind it, a tail of ours.
func (a *Account) write(got *answer.Answer, tail string) string {
	return answer.PlainText{Limit: maxReply - utf8.RuneCountInString(tail), Site: a.Site, Link: anchor}.Write(got) + tail
}

// anchor writes a link as both platforms show it.
func anchor(label, address string) string {
	escape := strings.NewReplacer(`&`, "&amp;", `"`, "%22", "<", "%3C", ">", "%3E")
	return `<a href="` + escape.Replace(address) + `">` + strings.NewReplacer("<", "〈", ">", "〉").Replace(label) + `</a>`
}

// pseudonym is what a person is called here: without the key nobody can tell
// from it who it is, and each account has its own.
func (a *Account) pseudonym(openID string) string {
	mac := hmac.New(sha256.New, a.Key)
	fmt.Fprintf(mac, "%s\x00%s\x00%s", a.Kind, a.ID, openID)
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// kindTalk is the kind of the documents that say where conversations stand.
const kindTalk = "wechat.state"

// talkLife is how long a conversation can be taken up again.
const talkLife = 24 * time.Hour

// A talk is where a conversation stands.
type talk struct {
	State string    `json:"state"` // of the last answer, signed by the engine
	At    time.Time `json:"at"`
}

func (a *Account) recall(who string) (string, error) {
	value, err := a.Store.Doc(kindTalk, who)
	if err != nil || value == nil {
		return "", err
	}
	var t talk
	if err := json.Unmarshal(value, &t); err != nil {
		return "", err
	}
	if a.Now().Sub(t.At) > talkLife {
		return "", nil
	}
	return t.State, nil
}

func (a *Account) remember(ctx context.Context, who, state string) error {
	value, err := json.Marshal(talk{state, a.Now().UTC().Truncate(time.Second)})
	if err != nil {
		return err
	}
	return a.Store.PutDoc(ctx, store.BySystem, kindTalk, who, func([]byte) ([]byte, error) { return value, nil })
}

func (a *Account) forgetTalk(ctx context.Context, who string) error {
	return a.Store.PutDoc(ctx, store.BySystem, kindTalk, who, func([]byte) ([]byte, error) { return nil, nil })
}

// Sweep forgets conversations that are over, of every account of the store.
func (a *Account) Sweep(ctx context.Context) error {
	a.mu.Lock()
	a.forget(a.Now(), keepJobs)
	a.mu.Unlock()
	for after := ""; ; {
		docs, err := a.Store.Docs(kindTalk, after, 500)
		if err != nil || len(docs) == 0 {
			return err
		}
		for _, d := range docs {
			var t talk
			if err := json.Unmarshal(d.Value, &t); err == nil && a.Now().Sub(t.At) <= talkLife {
				continue
			}
			if err := a.forgetTalk(ctx, d.ID); err != nil {
				return err
			}
		}
		after = docs[len(docs)-1].ID
	}
}

// Close cancels the answers that are still being made and waits for them. No
// callback may come any more.
func (a *Account) Close() {
	a.stop()
	a.running.Wait()
}

// Run sweeps now and then until ctx ends.
func (a *Account) Run(ctx context.Context) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if err := a.Sweep(ctx); err != nil && ctx.Err() == nil {
			a.Log.Error("conversations not swept", "channel", a.Kind, "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
