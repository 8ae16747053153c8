package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/api/web"
	"github.com/govqa/govqa/corpus/store"
)

// staff is the configuration of the staff's pages.
func (cfg *config) staff(s *store.Store, pages *web.Pages, log *slog.Logger, lookup func(string) (string, bool)) (staff.Config, error) {
	oidc, err := cfg.oidc(lookup)
	if err != nil {
		return staff.Config{}, err
	}
	second := cfg.SecondFactor
	if slices.Equal(second, []string{"none"}) {
		second = []string{}
	}
	return staff.Config{Store: s, Pages: pages, Log: log, Service: cfg.Title, Origin: cfg.PublicURL,
		Idle: time.Duration(cfg.SessionIdle), Most: time.Duration(cfg.SessionMost), SecondFactor: second, OIDC: oidc}, nil
}

// oidcSecretVariable holds the secret where no file does.
const oidcSecretVariable = "GOVQA_OIDC_SECRET"

// oidc is the configured OpenID provider, nil if there is none.
func (cfg *config) oidc(lookup func(string) (string, bool)) (*staff.OIDC, error) {
	if cfg.OIDCIssuer == "" {
		return nil, nil
	}
	secret, err := endpointKey("oidc_secret_file", cfg.OIDCSecretFile, oidcSecretVariable, lookup)
	if err != nil {
		return nil, err
	}
	roles := map[string][]string{}
	for _, entry := range cfg.OIDCRoles {
		at := strings.LastIndexByte(entry, '=') // the name of a group may hold one
		if at <= 0 {
			return nil, fmt.Errorf("%w：oidc_roles：%q 应形如 群组=角色", errConfig, entry)
		}
		group := entry[:at]
		roles[group] = append(roles[group], entry[at+1:])
	}
	return &staff.OIDC{Issuer: cfg.OIDCIssuer, ClientID: cfg.OIDCClient, ClientSecret: secret, Name: cfg.OIDCName,
		Scopes: cfg.OIDCScopes, Claim: cfg.OIDCClaim, Roles: roles}, nil
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
