package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"github.com/govqa/govqa/corpus/store"
)

// A userJob is something to do with one account; it is also the control
// socket's request.
type userJob struct {
	Actor    string   `json:"actor"`
	Act      string   `json:"act"`
	Name     string   `json:"name"`
	Roles    []string `json:"roles,omitempty"`
	Password string   `json:"password,omitempty"`
}

// What a userJob can do.
const (
	actAdd      = "add"
	actPassword = "passwd"
	actRoles    = "roles"
	actDisable  = "disable"
	actEnable   = "enable"
	actSecond   = "second"
	actFind     = "find" // fail if there is no such account
)

// do does the job.
func (j userJob) do(ctx context.Context, s *store.Store) error {
	switch j.Act {
	case actAdd:
		return s.AddUser(ctx, j.Actor, j.Name, j.Roles, j.Password)
	case actPassword:
		return s.SetPassword(ctx, j.Actor, j.Name, j.Password)
	case actRoles:
		return s.SetRoles(ctx, j.Actor, j.Name, j.Roles)
	case actDisable:
		return s.DisableUser(ctx, j.Actor, j.Name)
	case actEnable:
		return s.EnableUser(ctx, j.Actor, j.Name)
	case actSecond:
		err := s.SetSecondFactor(ctx, j.Actor, "user.second.drop", j.Name, func(*store.SecondFactor) (*store.SecondFactor, error) { return nil, nil })
		if err != nil {
			return err
		}
		return s.EndSessions(ctx, j.Actor, j.Name)
	case actFind:
		_, err := s.User(j.Name)
		return err
	}
	return fmt.Errorf("%q: %w", j.Act, errUsage)
}

// doUser does a job through the server that has the folder, or opens the
// folder and does it here.
func doUser(ctx context.Context, c *call, j userJob, open func(*call) (*store.Store, error)) error {
	var done struct{}
	served, err := viaControl(ctx, c.data, "/users", j, &done)
	if err != nil || served {
		return err
	}
	s, err := open(c)
	if err != nil {
		return err
	}
	return errors.Join(j.do(ctx, s), s.Close())
}

// userCommand makes a command that does act to the account it is called with,
// and then says done.
func userCommand(act, done string) func(context.Context, *call) error {
	return func(ctx context.Context, c *call) error {
		if len(c.args) != 1 {
			return errUsage
		}
		j := userJob{Actor: actor(), Act: act, Name: c.args[0]}
		open := openExisting
		if act == actAdd || act == actRoles {
			j.Roles = strings.FieldsFunc(c.values.role, func(r rune) bool { return r == ',' || r == ' ' })
		}
		if act == actAdd {
			open = func(c *call) (*store.Store, error) { return openStore(c.data, logTo(c.err)) }
		}
		if act == actPassword { // before anybody types one
			if err := doUser(ctx, c, userJob{Act: actFind, Name: j.Name}, open); err != nil {
				return err
			}
		}
		if act == actAdd || act == actPassword {
			var err error
			if j.Password, err = readPassword(c); err != nil {
				return err
			}
		}
		if err := doUser(ctx, c, j, open); err != nil {
			return err
		}
		text := fmt.Sprintf(done, j.Name)
		if len(j.Roles) > 0 {
			text += "（" + strings.Join(j.Roles, "、") + "）"
		}
		_, err := fmt.Fprintln(c.out, text)
		return err
	}
}

// A userLine is an account as the list shows it.
type userLine struct {
	Name     string    `json:"name"`
	Roles    []string  `json:"roles"`
	Disabled bool      `json:"disabled"`
	Second   bool      `json:"second"` // there is a second factor
	Changed  time.Time `json:"changed"`
}

func userLines(s *store.Store) ([]userLine, error) {
	users, err := s.Users()
	list := make([]userLine, len(users))
	for i, u := range users {
		list[i] = userLine{u.Name, u.Roles, u.Disabled, u.Second != nil, u.Changed}
	}
	return list, err
}

// userList lists the accounts.
func userList(ctx context.Context, c *call) error {
	if len(c.args) > 0 {
		return errUsage
	}
	var list []userLine
	served, err := viaControl(ctx, c.data, "/users/list", struct{}{}, &list)
	if err == nil && !served {
		var s *store.Store
		if s, err = openExisting(c); err == nil {
			list, err = userLines(s)
			err = errors.Join(err, s.Close())
		}
	}
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(c.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "用户名\t角色\t状态\t两步验证\t修改时间")
	for _, u := range list {
		state, second := "启用", "有"
		if u.Disabled {
			state = "停用"
		}
		if !u.Second {
			second = "无"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", u.Name, strings.Join(u.Roles, "、"), state, second, u.Changed.Local().Format(time.DateTime))
	}
	return w.Flush()
}

// userCommands are the commands for staff accounts.
func userCommands() []command {
	return []command{
		{name: "user add", args: "用户名", short: "添加工作人员账号", run: userCommand(actAdd, "已添加账号 %s"),
			long: "添加账号；密码从标准输入读入一行（至少 15 个字符），不回显，不出现在命令行。服务运行时经由服务添加。", flags: roleFlag("editor")},
		{name: "user passwd", args: "用户名", short: "修改账号密码", run: userCommand(actPassword, "已修改账号 %s 的密码"),
			long: "修改密码；新密码从标准输入读入一行。该账号的登录全部结束。"},
		{name: "user roles", args: "用户名", short: "修改账号的角色", run: userCommand(actRoles, "已修改账号 %s 的角色"),
			long: "把账号的角色改为 -role 所列的。该账号的登录全部结束。", flags: roleFlag("")},
		{name: "user second", args: "用户名", short: "关闭账号的两步验证", run: userCommand(actSecond, "已关闭账号 %s 的两步验证"),
			long: "关闭两步验证，供丢了手机和备用码的人重新设置。该账号的登录全部结束。"},
		{name: "user list", short: "列出账号", run: userList, long: "列出全部账号、角色和状态。"},
		{name: "user disable", args: "用户名", short: "停用账号", run: userCommand(actDisable, "已停用账号 %s"), long: "停用账号，它的登录全部结束；账号的历史记录保留。"},
		{name: "user enable", args: "用户名", short: "启用停用的账号", run: userCommand(actEnable, "已启用账号 %s"), long: "重新启用停用的账号。"},
	}
}

// roleFlag is the flag of the commands that give an account its roles.
func roleFlag(or string) func(*flag.FlagSet, *call) {
	return func(fs *flag.FlagSet, c *call) {
		fs.StringVar(&c.values.role, "role", or, "角色，可以有几个，用逗号隔开："+strings.Join(store.Roles, "、"))
	}
}

// changeUser and listUsers are the control socket's sides.
func (ctl *control) changeUser(w http.ResponseWriter, r *http.Request) {
	var job userJob
	ctl.answer(w, r, &job, func() (any, error) { return struct{}{}, job.do(r.Context(), ctl.app.store) })
}

func (ctl *control) listUsers(w http.ResponseWriter, r *http.Request) {
	var job struct{}
	ctl.answer(w, r, &job, func() (any, error) { return userLines(ctl.app.store) })
}

// readPassword reads one line: from a terminal without showing it, else from
// standard input.
func readPassword(c *call) (string, error) {
	if term.IsTerminal(int(os.Stdin.Fd())) {
		fmt.Fprint(c.err, "密码：")
		b, err := term.ReadPassword(int(os.Stdin.Fd()))
		fmt.Fprintln(c.err)
		return string(b), err
	}
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil && (!errors.Is(err, io.EOF) || line == "") {
		return "", fmt.Errorf("密码：%w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}
