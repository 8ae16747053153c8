package vector

import "golang.org/x/sys/cpu"

//go:noescape
func dotRowsAVX2(q, rows *int8, n, stride int, out *int32)

// dotRows sets out[i] to the product of q and the i-th row. The length of q is
// the rows' stride, a multiple of 32; no byte is -128.
func dotRows(q, rows []int8, out []int32) {
	if len(out) == 0 || len(q) == 0 {
		return
	}
	if !cpu.X86.HasAVX2 {
		dotRowsPlain(q, rows, out)
		return
	}
	_, _ = rows[len(q)*len(out)-1], q[len(q)/lane*lane-1]
	dotRowsAVX2(&q[0], &rows[0], len(out), len(q), &out[0])
}

// flatRoom is how many bytes of rows are searched one by one within 20 ms.
func flatRoom() int {
	if cpu.X86.HasAVX2 {
		return 150 << 20
	}
	return plainRoom
}
