//go:build !(mips || mipsle || mips64 || mips64le)

package state

import (
	"os"
	"runtime"
	"sync"
	"testing"
)

// TestMovingStack: a system call that writes to a buffer on the stack finds it
// where it is, also when the stack has to grow, and so moves, on the way there.
func TestMovingStack(t *testing.T) {
	f, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fd := int(f.Fd())
	for depth := range 600 {
		var wg sync.WaitGroup
		wg.Go(func() { dive(t, depth, fd) })
		wg.Wait()
	}
	// And when it shrinks, which the garbage collector does.
	stop := make(chan bool)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				done := make(chan bool)
				go func() {
					large()
					for range 200 {
						dive(t, 3, fd)
					}
					close(done)
				}()
				<-done
			}
		})
	}
	for range 20 {
		runtime.GC()
	}
	close(stop)
	wg.Wait()
}

// dive uses up stack, then asks for the times.
func dive(t *testing.T, depth, fd int) {
	var pad [24]byte
	if depth > 0 {
		dive(t, depth-1, fd)
		runtime.KeepAlive(&pad)
		return
	}
	if sec, _, e := ModTime(fd); sec == 0 || e != 0 {
		t.Errorf("ModTime: %d, %v", sec, e)
	}
	if sec, _, e := Now(); sec == 0 || e != 0 {
		t.Errorf("Now: %d, %v", sec, e)
	}
	if p := new(Reader).Lookup(int32(os.Getpid())); p.Status != Alive || len(p.Start) == 0 {
		t.Errorf("Lookup: %+v", p)
	}
}

//go:noinline
func large() byte {
	var b [64 << 10]byte
	for i := range b {
		b[i] = byte(i)
	}
	return b[len(b)-1]
}
