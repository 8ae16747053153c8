package quality

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/corpus/linkcheck"
	"github.com/govqa/govqa/corpus/store"
)

// A linkDoc is what is kept about one link.
type linkDoc struct {
	linkcheck.Result
	Since time.Time `json:"since"` // since when the verdict has been this
	Fails int       `json:"fails"` // checks in a row that failed
}

// bad reports whether the link needs care: it is gone, leads elsewhere, or has
// failed twice, since everybody's server is down now and then.
func (l linkDoc) bad() bool {
	switch l.Verdict {
	case linkcheck.Dead, linkcheck.Moved:
		return true
	case linkcheck.Failing:
		return l.Fails > 1
	}
	return false
}

const (
	linkKind    = "link"
	settingKind = "setting"
	linkSetting = "links"
	// recheckAfter is how long what was found about links is good for.
	recheckAfter = 7 * 24 * time.Hour
)

// linkSettings say which hosts are called, and when they last were.
type linkSettings struct {
	Hosts []string  `json:"hosts"`
	Last  time.Time `json:"last,omitzero"`
}

// A linkRun is a check of links that is under way.
type linkRun struct {
	mu      sync.Mutex
	running bool
	done    int
	total   int
	failed  string
	stop    context.CancelFunc
	ended   chan struct{}
}

type linkStatus struct {
	Hosts   string
	Running bool
	Done    int
	Total   int
	Last    string
	Failed  string
	May     bool // set the hosts
}

func (q *Quality) linkSettings() (s linkSettings, err error) {
	value, err := q.Store.Doc(settingKind, linkSetting)
	if err != nil || value == nil {
		return s, err
	}
	if err := json.Unmarshal(value, &s); err != nil {
		return s, fmt.Errorf("link settings: %w", err)
	}
	return s, nil
}

func (q *Quality) linkStatus(who staff.Session) (linkStatus, error) {
	s, err := q.linkSettings()
	if err != nil {
		return linkStatus{}, err
	}
	q.links.mu.Lock()
	defer q.links.mu.Unlock()
	st := linkStatus{Hosts: strings.Join(s.Hosts, "\n"), Running: q.links.running, Done: q.links.done, Total: q.links.total, Failed: q.links.failed,
		May: who.Has(hostsRole...)}
	if !s.Last.IsZero() {
		st.Last = s.Last.In(q.Now().Location()).Format("2006-01-02 15:04")
	}
	return st, nil
}

// saveHosts keeps which hosts may be called.
func (q *Quality) saveHosts(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	var hosts []string
	for _, h := range strings.Fields(f.FormValue("hosts")) {
		h = strings.ToLower(h)
		if len(h) > 253 || strings.Trim(h, "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" || !strings.Contains(strings.Trim(h, "."), ".") {
			return unfit("%q 不是网站的域名。一行一个，如 www.gov.cn；以点开头的（.gd.gov.cn）包括其下所有网站。", h)
		}
		if !slices.Contains(hosts, h) {
			hosts = append(hosts, h)
		}
	}
	if len(hosts) > 500 {
		return unfit("名单最多 500 个网站。")
	}
	if err := q.changeLinks(ctx, who.Name, func(s *linkSettings) { s.Hosts = hosts }); err != nil {
		return err
	}
	return f.Redirect(linksPath("已保存"), http.StatusSeeOther)
}

func linksPath(done string) string {
	return "/console/freshness?" + url.Values{"tab": {"links"}, "done": {done}}.Encode()
}

func (q *Quality) changeLinks(ctx context.Context, actor string, change func(*linkSettings)) error {
	return q.Store.PutDoc(ctx, actor, settingKind, linkSetting, func(old []byte) ([]byte, error) {
		var s linkSettings
		if old != nil {
			if err := json.Unmarshal(old, &s); err != nil {
				return nil, fmt.Errorf("link settings: %w", err)
			}
		}
		change(&s)
		return json.Marshal(s)
	})
}

// checkLinks begins a check of all links. It goes on after the page is sent.
func (q *Quality) checkLinks(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	s, err := q.linkSettings()
	if err != nil {
		return err
	}
	if len(s.Hosts) == 0 {
		return unfit("检查名单是空的。请发布或管理人员先写上可以检查的网站。")
	}
	if err := q.Store.Audit(ctx, who.Name, "links.check", strings.Join(s.Hosts, " "), ""); err != nil {
		return err
	}
	done := "开始检查"
	if !q.startLinks(s) {
		done = "已经在检查了"
	}
	return f.Redirect(linksPath(done), http.StatusSeeOther)
}

// startLinks starts a check unless one is under way.
func (q *Quality) startLinks(s linkSettings) bool {
	q.links.mu.Lock()
	defer q.links.mu.Unlock()
	if q.links.running {
		return false
	}
	ctx, stop := context.WithCancel(context.Background())
	q.links.running, q.links.done, q.links.total, q.links.failed = true, 0, 0, ""
	q.links.stop, q.links.ended = stop, make(chan struct{})
	ended := q.links.ended
	go func() {
		defer close(ended)
		defer stop()
		err := q.checkAll(ctx, s)
		q.links.mu.Lock()
		defer q.links.mu.Unlock()
		q.links.running = false
		if err != nil && ctx.Err() == nil {
			q.links.failed = err.Error()
			q.Log.Error("links not checked", "err", err)
		}
	}()
	return true
}

// checkAll checks every link of the current edition and keeps what it finds.
func (q *Quality) checkAll(ctx context.Context, s linkSettings) error {
	shelf, err := q.shelf()
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	var links []string
	for _, r := range shelf.records {
		for _, link := range r.Links {
			if !seen[link] {
				seen[link] = true
				links = append(links, link)
			}
		}
	}
	q.links.mu.Lock()
	q.links.total = len(links)
	q.links.mu.Unlock()
	checker := q.checker
	checker.Hosts, checker.Agent = s.Hosts, cmp.Or(q.Agent, checker.Agent)
	var failed error
	err = checker.Check(ctx, links, func(r linkcheck.Result) {
		if err := q.keepLink(ctx, r); err != nil && failed == nil {
			failed = err
		}
		q.links.mu.Lock()
		q.links.done++
		q.links.mu.Unlock()
	})
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	if err := q.forgetLinks(ctx, seen); err != nil {
		return err
	}
	return q.changeLinks(ctx, store.BySystem, func(s *linkSettings) { s.Last = q.Now().UTC().Truncate(time.Second) })
}

func linkID(link string) string {
	sum := sha256.Sum256([]byte(link))
	return hex.EncodeToString(sum[:16])
}

func (q *Quality) keepLink(ctx context.Context, r linkcheck.Result) error {
	return q.Store.PutDoc(ctx, store.BySystem, linkKind, linkID(r.URL), func(old []byte) ([]byte, error) {
		d := linkDoc{Result: r, Since: r.Checked}
		var before linkDoc
		if old != nil {
			if err := json.Unmarshal(old, &before); err != nil {
				return nil, fmt.Errorf("link %s: %w", r.URL, err)
			}
			if before.Verdict == r.Verdict {
				d.Since = before.Since
			}
		}
		if r.Verdict != linkcheck.OK && r.Verdict != linkcheck.Skipped {
			d.Fails = before.Fails + 1
		}
		return json.Marshal(d)
	})
}

// forgetLinks drops what is kept about links that no record has any more.
func (q *Quality) forgetLinks(ctx context.Context, seen map[string]bool) error {
	var gone []string
	err := q.docs(linkKind, func(d store.Doc) error {
		var l linkDoc
		if err := json.Unmarshal(d.Value, &l); err != nil {
			return err
		}
		if !seen[l.URL] {
			gone = append(gone, d.ID)
		}
		return nil
	})
	for _, id := range gone {
		if err == nil {
			err = q.Store.PutDoc(ctx, store.BySystem, linkKind, id, func([]byte) ([]byte, error) { return nil, nil })
		}
	}
	return err
}

// Watch checks the links anew whenever what was found is a week old, until
// ctx ends; then it ends a check that is under way.
func (q *Quality) Watch(ctx context.Context) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		s, err := q.linkSettings()
		switch {
		case err != nil:
			q.Log.Error("links not checked", "err", err)
		case len(s.Hosts) > 0 && q.Now().Sub(s.Last) > recheckAfter:
			q.startLinks(s)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			q.stopLinks()
			return
		}
	}
}

// stopLinks ends a check that is under way and waits for it.
func (q *Quality) stopLinks() {
	q.links.mu.Lock()
	stop, ended := q.links.stop, q.links.ended
	q.links.mu.Unlock()
	if stop != nil {
		stop()
		<-ended
	}
}
