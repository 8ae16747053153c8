package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"github.com/govqa/govqa/corpus/store"
)

// userAdd makes a staff account.
func userAdd(ctx context.Context, c *call) error {
	open := func(c *call) (*store.Store, error) { return openStore(c.data, logTo(c.err)) }
	return withUser(c, open, func(s *store.Store, name string) error {
		roles := strings.FieldsFunc(c.values.role, func(r rune) bool { return r == ',' || r == ' ' })
		password, err := readPassword(c)
		if err != nil {
			return err
		}
		if err := s.AddUser(ctx, actor(), name, roles, password); err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.out, "已添加账号 %s（%s）\n", name, strings.Join(roles, "、"))
		return err
	})
}

// userPasswd changes a password.
func userPasswd(ctx context.Context, c *call) error {
	return withUser(c, openExisting, func(s *store.Store, name string) error {
		if _, err := s.User(name); err != nil {
			return err
		}
		password, err := readPassword(c)
		if err != nil {
			return err
		}
		if err := s.SetPassword(ctx, actor(), name, password); err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.out, "已修改账号 %s 的密码\n", name)
		return err
	})
}

// userDisable closes an account.
func userDisable(ctx context.Context, c *call) error {
	return withUser(c, openExisting, func(s *store.Store, name string) error {
		if err := s.DisableUser(ctx, actor(), name); err != nil {
			return err
		}
		_, err := fmt.Fprintf(c.out, "已停用账号 %s\n", name)
		return err
	})
}

// userList lists the accounts.
func userList(_ context.Context, c *call) error {
	if len(c.args) > 0 {
		return errUsage
	}
	s, err := openExisting(c)
	if err != nil {
		return err
	}
	users, err := s.Users()
	w := tabwriter.NewWriter(c.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "用户名\t角色\t状态\t修改时间")
	for _, u := range users {
		state := "启用"
		if u.Disabled {
			state = "停用"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", u.Name, strings.Join(u.Roles, "、"), state, u.Changed.Local().Format(time.DateTime))
	}
	return errors.Join(err, w.Flush(), s.Close())
}

func withUser(c *call, open func(*call) (*store.Store, error), fn func(s *store.Store, name string) error) error {
	if len(c.args) != 1 {
		return errUsage
	}
	s, err := open(c)
	if err != nil {
		return err
	}
	return errors.Join(fn(s, c.args[0]), s.Close())
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
