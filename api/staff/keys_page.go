package staff

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/api"
)

const (
	maxKeyDays     = 366
	defaultKeyDays = 90
	maxOverlap     = 30 // days that a key is good beside its successor

	maxPerMinute = 60_000
	maxPerDay    = 100_000_000
)

// A keyLine is one key as admins see it.
type keyLine struct {
	ID string
	storedKey
	Used  time.Time
	Today int // requests
}

// Ended reports whether the key is no longer good.
func (k keyLine) Ended() bool { return !time.Now().Before(k.Expires) }

type keysPage struct {
	Keys          []keyLine
	Scopes        []string
	Problem, Name string
	Chosen        []string
	Days, Most    int
	Overlap       int
	Minute, Day   int // the limits of the key that is made
	MinuteMost    int
	DayMost       int
	Pace          int // the limit a minute of a key without one
}

func (s *Staff) keys(_ context.Context, c *fiber.Ctx, who Session) error {
	return s.showKeys(c, who, http.StatusOK, keysPage{Days: defaultKeyDays})
}

func (s *Staff) showKeys(c *fiber.Ctx, who Session, status int, page keysPage) (err error) {
	page.Scopes, page.Most, page.Overlap = Scopes(), maxKeyDays, maxOverlap
	page.MinuteMost, page.DayMost, page.Pace = maxPerMinute, maxPerDay, api.DefaultKeyPace
	if page.Keys, err = s.allKeys(c.UserContext()); err != nil {
		return err
	}
	return s.Render(c, who, status, "keys", "接口密钥", page)
}

func (s *Staff) allKeys(ctx context.Context) ([]keyLine, error) {
	docs, err := s.store.Docs(docKey, "", sessionPage)
	if err != nil {
		return nil, err
	}
	var list []keyLine
	for _, d := range docs {
		line := keyLine{ID: d.ID}
		if err := json.Unmarshal(d.Value, &line.storedKey); err != nil {
			return nil, fmt.Errorf("key %s: %w", d.ID, err)
		}
		if line.Today, err = s.Used(ctx, d.ID, s.now().Format(time.DateOnly)); err != nil {
			return nil, err
		}
		used, err := s.store.Doc(docKeyUse, d.ID)
		if err != nil {
			return nil, err
		}
		if used != nil {
			if err := line.Used.UnmarshalText(used); err != nil {
				return nil, fmt.Errorf("key %s: %w", d.ID, err)
			}
		}
		list = append(list, line)
	}
	slices.SortFunc(list, func(a, b keyLine) int { return strings.Compare(a.Name+a.ID, b.Name+b.ID) })
	return list, nil
}

var keyName = regexp.MustCompile(`^[\p{Han}a-zA-Z0-9][\p{Han}a-zA-Z0-9._-]{0,63}$`)

// addKey makes a key and shows it, this once.
func (s *Staff) addKey(ctx context.Context, c *fiber.Ctx, who Session) error {
	page := keysPage{Name: strings.TrimSpace(c.FormValue("name")), Chosen: values(c, "scope")}
	var err error
	page.Days, err = strconv.Atoi(c.FormValue("days"))
	var limitErr error
	page.Minute, page.Day, limitErr = limits(c)
	known := !slices.ContainsFunc(page.Chosen, func(scope string) bool { return !slices.Contains(Scopes(), scope) })
	all, listErr := s.allKeys(ctx)
	if listErr != nil {
		return listErr
	}
	switch {
	case !keyName.MatchString(page.Name):
		page.Problem = "名称只能用汉字、字母、数字和 . _ -，最多 64 个。"
	case slices.ContainsFunc(all, func(k keyLine) bool { return k.Name == page.Name }):
		page.Problem = "已经有这个名称的密钥。"
	case len(page.Chosen) == 0 || !known:
		page.Problem = "至少选一个范围。"
	case err != nil || page.Days < 1 || page.Days > maxKeyDays:
		page.Problem = fmt.Sprintf("有效期应为 1 到 %d 天。", maxKeyDays)
	case limitErr != nil:
		page.Problem = limitErr.Error()
	}
	if page.Problem != "" {
		return s.showKeys(c, who, http.StatusUnprocessableEntity, page)
	}
	now := s.now().UTC()
	id, key := newKey("")
	value, err := json.Marshal(storedKey{Name: page.Name, Scopes: page.Chosen, Hash: hashOf(key), Created: now, By: who.Name, Expires: now.AddDate(0, 0, page.Days),
		PerMinute: page.Minute, PerDay: page.Day})
	if err != nil {
		return fmt.Errorf("key %s: %w", id, err)
	}
	if err := s.store.PutDoc(ctx, who.Name, docKey, id, func([]byte) ([]byte, error) { return value, nil }); err != nil {
		return err
	}
	return s.Render(c, who, http.StatusOK, "key", "新的接口密钥", keyPage{page.Name, key, now.AddDate(0, 0, page.Days), time.Time{}})
}

// A keyPage shows a key once.
type keyPage struct {
	Name, Key       string
	Expires, Beside time.Time // Beside: until when the key before is good too
}

// actOnKey rotates a key or ends it.
func (s *Staff) actOnKey(ctx context.Context, c *fiber.Ctx, who Session) error {
	id := c.FormValue("id")
	if !keyID.MatchString(id) {
		return noKey()
	}
	switch c.FormValue("act") {
	case "limit":
		minute, day, err := limits(c)
		if err != nil {
			return api.NewProblem(http.StatusUnprocessableEntity, err.Error())
		}
		if err := s.changeKey(ctx, who, id, func(k *storedKey) error { k.PerMinute, k.PerDay = minute, day; return nil }); err != nil {
			return err
		}
		return c.Redirect("/staff/keys", http.StatusSeeOther)
	case "end":
		err := s.changeKey(ctx, who, id, func(k *storedKey) error { k.Expires, k.OldUntil = s.now().UTC(), time.Time{}; return nil })
		if err != nil {
			return err
		}
		return c.Redirect("/staff/keys", http.StatusSeeOther)
	case "rotate":
		return s.rotate(ctx, c, who, id)
	}
	return api.NewProblem(http.StatusUnprocessableEntity, "没有这样的操作。")
}

// limits reads the limits of a key in a form; an empty field is 0.
func limits(c *fiber.Ctx) (minute, day int, err error) {
	read := func(name string, most int) int {
		text := strings.TrimSpace(c.FormValue(name))
		if text == "" {
			return 0
		}
		n, atoiErr := strconv.Atoi(text)
		if atoiErr != nil || n < 0 || n > most {
			err = fmt.Errorf("限额应为 0 到 %d 的整数，0 为不另设。", most)
		}
		return n
	}
	minute, day = read("minute", maxPerMinute), read("day", maxPerDay)
	return minute, day, err
}

func noKey() error { return api.NewProblem(http.StatusNotFound, "没有这个接口密钥。") }

// changeKey writes a key's document as change leaves it, unless that fails.
func (s *Staff) changeKey(ctx context.Context, who Session, id string, change func(*storedKey) error) error {
	return s.store.PutDoc(ctx, who.Name, docKey, id, func(old []byte) ([]byte, error) {
		if old == nil {
			return nil, noKey()
		}
		var k storedKey
		if err := json.Unmarshal(old, &k); err != nil {
			return nil, fmt.Errorf("key %s: %w", id, err)
		}
		if err := change(&k); err != nil {
			return nil, err
		}
		return json.Marshal(k)
	})
}

// rotate gives a key a successor of the same name, scopes and length of life,
// and lets the old one be good for some days more.
func (s *Staff) rotate(ctx context.Context, c *fiber.Ctx, who Session, id string) error {
	days, err := strconv.Atoi(c.FormValue("overlap"))
	if err != nil || days < 0 || days > maxOverlap {
		return api.NewProblem(http.StatusUnprocessableEntity, fmt.Sprintf("新旧并用的天数应为 0 到 %d。", maxOverlap))
	}
	_, key := newKey(id)
	now := s.now().UTC()
	var page keyPage
	err = s.changeKey(ctx, who, id, func(k *storedKey) error {
		if !now.Before(k.Expires) {
			return api.NewProblem(http.StatusUnprocessableEntity, "这个密钥已经停用或过期，请另建一个。")
		}
		life := k.Expires.Sub(k.Created)
		k.OldHash, k.OldUntil = k.Hash, now.AddDate(0, 0, days)
		if k.Expires.Before(k.OldUntil) {
			k.OldUntil = k.Expires
		}
		k.Hash, k.Created, k.By, k.Expires = hashOf(key), now, who.Name, now.Add(life)
		page = keyPage{k.Name, key, k.Expires, k.OldUntil}
		return nil
	})
	if err != nil {
		return err
	}
	return s.Render(c, who, http.StatusOK, "key", "新的接口密钥", page)
}
