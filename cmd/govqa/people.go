package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/api/web"
	"github.com/govqa/govqa/corpus/store"
)

// staff is the configuration of the staff's pages.
func (cfg config) staff(s *store.Store, pages *web.Pages, log *slog.Logger) staff.Config {
	second := cfg.SecondFactor
	if slices.Equal(second, []string{"none"}) {
		second = []string{}
	}
	return staff.Config{Store: s, Pages: pages, Log: log, Service: cfg.Title, Origin: cfg.PublicURL,
		Idle: time.Duration(cfg.SessionIdle), Most: time.Duration(cfg.SessionMost), SecondFactor: second}
}

// origin is where a listener is reached from this machine.
func origin(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); err != nil || ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// inviteFirst prints a link to make the first account, if there is none. It
// goes to out and not to the log: logs are collected and read by others.
func inviteFirst(ctx context.Context, people *staff.Staff, origin string, out io.Writer) error {
	link, err := people.SetupLink(ctx, origin)
	if err != nil || link == "" {
		return err
	}
	_, err = fmt.Fprintf(out, "\n还没有工作人员账号。用浏览器打开下面的链接设立管理员（24 小时内有效，只能用一次）：\n\n  %s\n\n", link)
	return err
}
