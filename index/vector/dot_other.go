//go:build !amd64

package vector

// dotRows sets out[i] to the product of q and the i-th row. The length of q is
// the rows' stride.
func dotRows(q, rows []int8, out []int32) { dotRowsPlain(q, rows, out) }

// flatRoom is how many bytes of rows are searched one by one within 20 ms.
func flatRoom() int { return plainRoom }
