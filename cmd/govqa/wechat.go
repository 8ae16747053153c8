package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/api/wechat"
	"github.com/govqa/govqa/corpus"
)

// newAccount makes the account of a platform that is configured, or nil.
func (cfg config) newAccount(kind wechat.Kind, a *app, log *slog.Logger) (*wechat.Account, error) {
	of := wechat.Config{Kind: wechat.Official, ID: cfg.WeChatAppID, Token: cfg.WeChatToken, AESKey: cfg.WeChatAESKey, Region: corpus.RegionCode(cfg.WeChatRegion)}
	secret, agent, address := cfg.WeChatSecret, 0, cfg.WeChatAPI
	if kind == wechat.WeCom {
		of = wechat.Config{Kind: wechat.WeCom, ID: cfg.WeComCorpID, Token: cfg.WeComToken, AESKey: cfg.WeComAESKey, Region: corpus.RegionCode(cfg.WeComRegion)}
		secret, agent, address = cfg.WeComSecret, cfg.WeComAgentID, cfg.WeComAPI
	}
	if of.ID == "" {
		return nil, nil //nolint:nilnil // none is configured
	}
	if of.Region != "" && !of.Region.Valid() {
		return nil, fmt.Errorf("%w：%s_region：行政区划代码 %q", errConfig, kind, of.Region)
	}
	of.Site, of.Title, of.Hotline, of.Key = cfg.site(), cfg.Title, cfg.Hotline, a.engine.StateKey
	of.Engine, of.Store, of.Log = a.engine, a.store, log
	if secret != "" {
		of.Client = wechat.NewClient(kind, of.ID, secret, agent, address)
	}
	account, err := wechat.New(of)
	if err != nil {
		return nil, fmt.Errorf("%w：%s：%w", errConfig, kind, err)
	}
	return account, nil
}

// site is the address of the citizen pages as links begin with it.
func (cfg config) site() string { return strings.TrimSuffix(cfg.PublicURL, "/") }

// newAccounts makes the accounts that are configured.
func (cfg config) newAccounts(a *app, log *slog.Logger) (list []*wechat.Account, err error) {
	for _, kind := range []wechat.Kind{wechat.Official, wechat.WeCom} {
		account, err := cfg.newAccount(kind, a, log)
		if err != nil {
			return nil, err
		}
		if account != nil {
			list = append(list, account)
		}
	}
	return list, nil
}

func interfacesOf(accounts []*wechat.Account) (list []api.Interface) {
	for _, a := range accounts {
		list = append(list, a.Interface())
	}
	return list
}

// A menuJob is a menu to be made; it is also the control socket's request.
type menuJob struct {
	Kind wechat.Kind `json:"kind"`
	IDs  []string    `json:"ids"` // of life events
	Push bool        `json:"push"`
}

// do makes the menu, and sets it if that is wanted.
func (j *menuJob) do(ctx context.Context, accounts []*wechat.Account) (wechat.Menu, error) {
	i := slices.IndexFunc(accounts, func(a *wechat.Account) bool { return a.Kind == j.Kind })
	if i < 0 {
		return wechat.Menu{}, fmt.Errorf("%w：没有配置 %s", errConfig, j.Kind)
	}
	menu, err := accounts[i].Menu(ctx, j.IDs)
	if err != nil || !j.Push {
		return menu, err
	}
	if accounts[i].Client == nil {
		return menu, fmt.Errorf("%w：设置菜单需要 %s_secret", errConfig, j.Kind)
	}
	return menu, accounts[i].Client.SetMenu(ctx, menu)
}

// wechatMenu is the control socket's side.
func (ctl *control) wechatMenu(w http.ResponseWriter, r *http.Request) {
	var job menuJob
	ctl.answer(w, r, &job, func() (any, error) { return job.do(r.Context(), ctl.app.accounts) })
}

// wechatMenu prints the menu of an account, or sets it, through the server
// that has the folder or by itself.
func wechatMenu(ctx context.Context, c *call) error {
	job := menuJob{Kind: wechat.Official, IDs: c.args, Push: c.values.push}
	if c.values.wecom {
		job.Kind = wechat.WeCom
	}
	var menu wechat.Menu
	served, err := viaControl(ctx, c.data, "/wechat/menu", job, &menu)
	if err == nil && !served {
		menu, err = menuHere(ctx, c, job)
	}
	if err != nil {
		return err
	}
	if job.Push {
		_, err = fmt.Fprintln(c.out, "菜单已设置，关注的人最多过五分钟看到")
		return err
	}
	out := json.NewEncoder(c.out)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(menu)
}

// menuHere opens the folder and makes the menu.
func menuHere(ctx context.Context, c *call, job menuJob) (wechat.Menu, error) {
	cfg, err := loadConfig(c.values.config, os.LookupEnv)
	if err != nil {
		return wechat.Menu{}, err
	}
	log := logTo(c.err)
	a, err := openApp(ctx, c.data, true, log, c.err)
	if err != nil {
		return wechat.Menu{}, err
	}
	accounts, err := cfg.newAccounts(a, log)
	var menu wechat.Menu
	if err == nil {
		menu, err = job.do(ctx, accounts)
	}
	return menu, errors.Join(err, a.close())
}

// wechatCommands are the commands about WeChat and WeCom.
func wechatCommands() []command {
	return []command{{name: "wechat menu", args: "[一件事编号…]", short: "生成或设置公众号、企业微信的菜单", run: wechatMenu,
		long: "按“一件事”生成公众号的菜单并打印；加 -push 则设置到平台上。写了编号就用这些一件事，按所写的先后；不写就用前几件。\n服务运行时经由服务，用服务的配置。",
		flags: func(fs *flag.FlagSet, c *call) {
			fs.StringVar(&c.values.config, "config", "", "配置文件（TOML），服务没有运行时用其中的 wechat_、wecom_ 各项和 public_url")
			fs.BoolVar(&c.values.push, "push", false, "设置到平台上，而不是打印")
			fs.BoolVar(&c.values.wecom, "wecom", false, "企业微信，而不是公众号")
		}}}
}
