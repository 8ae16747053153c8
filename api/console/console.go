// Package console is where members of staff keep the corpus true: they find
// and edit records, review each other's drafts, publish, withdraw and roll
// back, and import and export.
//
// It promises that nothing is published that somebody else has not approved,
// except by the emergency withdrawal, which only takes away; that the second
// of two editors sees what the first has done; and that a page which says that
// something is live has seen it answer questions. What must hold is enforced
// by package store; the pages only show it.
package console

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/api/web"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/store"
)

// Config is what a Console is made of. Store and Pages are required.
type Config struct {
	Store *store.Store
	Pages *web.Pages
	Log   *slog.Logger     // nil logs nothing
	Now   func() time.Time // nil is time.Now

	// Live brings what answers questions up to the current edition. Nil means
	// that nothing does.
	Live func(context.Context) error
}

// A Console serves the pages of those who keep the corpus. Make one with New.
type Console struct {
	Config
	staff *staff.Staff
}

// New returns a console. Its pages are registered by Register.
func New(cfg Config) *Console {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Live == nil {
		cfg.Live = func(context.Context) error { return nil }
	}
	return &Console{Config: cfg}
}

// Who may do what.
var (
	readers    = []string{"editor", "reviewer", "publisher", "supervisor", "auditor"}
	editors    = []string{"editor"}
	reviewers  = []string{"reviewer"}
	publishers = []string{"publisher"}
)

// Register registers every page of the console.
func (c *Console) Register(r *staff.Router) {
	c.staff = r.Staff()
	r.Page(http.MethodGet, "/console", readers, c.home)
	r.Menu("/console", "内容")
}

// home shows what waits for whom, and what is published.
func (c *Console) home(_ context.Context, f *fiber.Ctx, who staff.Session) error {
	drafts, err := c.Store.Drafts()
	if err != nil {
		return err
	}
	page := homePage{Edition: c.Store.Current()}
	for _, state := range store.States {
		page.States = append(page.States, stateCount{State: state})
	}
	for _, d := range drafts {
		for i := range page.States {
			if s := &page.States[i]; s.State == d.State {
				s.Drafts++
				if d.Actor == who.Name {
					s.Mine++
				}
			}
		}
	}
	for _, t := range corpus.Types {
		page.Types = append(page.Types, typeCount{t, TypeName(t), page.Edition.Records[t]})
	}
	return c.staff.Render(f, who, http.StatusOK, "console", "内容", page)
}

type homePage struct {
	Edition store.EditionInfo
	States  []stateCount
	Types   []typeCount
}

type stateCount struct {
	State  store.State
	Drafts int
	Mine   int // of who looks
}

type typeCount struct {
	Type    corpus.Type
	Name    string
	Records int
}

// TypeName is what a type of record is called on pages.
func TypeName(t corpus.Type) string {
	switch t {
	case corpus.TypeGuide:
		return "办事指南"
	case corpus.TypeFAQ:
		return "常见问题"
	case corpus.TypePolicy:
		return "政策文件"
	case corpus.TypeBundle:
		return "一件事"
	case corpus.TypeRegion:
		return "行政区划"
	case corpus.TypeWord:
		return "日常说法"
	case corpus.TypeHot:
		return "热门问题"
	case corpus.TypeReply:
		return "固定回复"
	case corpus.TypeAgency:
		return "机构"
	}
	return fmt.Sprintf("记录（%s）", t)
}
