import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/**
 * A worker with an HTTP port that records its own health. Java 17 or newer, one file: java Worker.java
 *
 * <p>For each file NAME.in in its spool directory it makes NAME.out, with the SHA-256 of the content.
 * Over HTTP it says how many it has made.
 *
 * <pre>
 *   SPOOL      the directory to take files from (default /spool)
 *   UPSTREAM   HOST:PORT of the database that it needs (default: none)
 *   PORT       where to listen (default 8080)
 *   MAX_AGE    the -max-age of its probe, in seconds (default 60)
 *   HEALTHCTL  the path of healthctl (default /healthctl)
 * </pre>
 *
 * <p>It is healthy (0) while its loop turns, and reports two errors:
 *
 * <pre>
 *   3  the upstream cannot be reached
 *   4  a file cannot be processed
 * </pre>
 *
 * <p>It needs LIVENESS_RUNDIR and LIVENESS_UNIT_NAME, as the probe does: set them in the image or in the
 * pod. healthctl, which it starts, sees them too.
 */
public final class Worker {
    static final Path SPOOL = Path.of(env("SPOOL", "/spool"));
    static final String UPSTREAM = env("UPSTREAM", "");
    static final int PORT = Integer.parseInt(env("PORT", "8080"));
    static final String HEALTHCTL = env("HEALTHCTL", "/healthctl");
    static final long BEAT_EVERY = Long.parseLong(env("MAX_AGE", "60")) * 1000 / 10; // in ms
    static final String PID = Long.toString(ProcessHandle.current().pid());

    static volatile boolean stopping;

    /** A code, and a reason if that is not 0. */
    record State(int code, String reason) {}

    public static void main(String[] args) throws Exception {
        try {
            checkSpool();
        } catch (IOException e) {
            log(e);
            System.exit(1);
        }
        // load records the process that starts it, which is this JVM. It also removes what the previous
        // run left. Without it the unit never becomes healthy: end.
        if (healthctl("load") != 0) {
            log("not loaded");
            System.exit(1);
        }

        Health health = new Health();
        HttpServer server = HttpServer.create(new InetSocketAddress(PORT), 0);
        server.setExecutor(Executors.newFixedThreadPool(4));
        server.createContext("/", exchange -> {
            byte[] answer = (list("*.out").size() + " files\n").getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(200, answer.length);
            try (var body = exchange.getResponseBody()) {
                body.write(answer);
            }
        });
        server.start();
        log("listening on port " + server.getAddress().getPort());

        // The JVM runs this on SIGTERM, in a thread of its own. Do all of it in one hook: several would run
        // at the same time, and reset must be last.
        Thread loop = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            stopping = true;
            try {
                loop.join(10_000); // let the turn end
            } catch (InterruptedException e) {
                log(e);
            }
            server.stop(1); // stop accepting, and wait up to 1 s for the requests that are running
            healthctl("reset", "-pid", PID); // last of all: until here the liveness probe should find the process
            Runtime.getRuntime().halt(0); // else the JVM's exit status is 143 after SIGTERM
        }));

        try {
            health.report(turn()); // ready: it listens, and its first turn is done
            while (!stopping) {
                Thread.sleep(Math.min(BEAT_EVERY, 1000));
                health.report(turn()); // from the loop that does the work: if that hangs, there is no beat
            }
        } catch (Throwable e) {
            // Without this the server's threads would keep the process alive, and its last state with it.
            e.printStackTrace();
            Runtime.getRuntime().halt(1);
        }
    }

    /**
     * Runs healthctl and returns its exit status, or -1 if it did not run to its end.
     *
     * <p>There is no shell: the arguments are a list, so a reason may hold anything. healthctl prints its
     * own errors. It ends by itself, after 2 seconds at most if it has to wait for another writer; the
     * timeout is for a machine that is in trouble.
     */
    static int healthctl(String... args) {
        List<String> command = new ArrayList<>(List.of(args));
        command.add(0, HEALTHCTL);
        try {
            Process process = new ProcessBuilder(command).inheritIO().start();
            if (process.waitFor(10, TimeUnit.SECONDS)) {
                return process.exitValue();
            }
            process.destroyForcibly();
            log(HEALTHCTL + " " + args[0] + " takes too long");
        } catch (IOException | InterruptedException | OutOfMemoryError e) { // the last: no thread to wait with
            log(e);
        }
        return -1;
    }

    /** What the unit says. Only the main loop uses it. */
    static final class Health {
        private final Path error; // its modification time is the heartbeat
        private final Path pid;

        private State recorded; // the last state that was set, or null if that is not known
        private long beaten; // when error was last set or touched

        Health() throws IOException {
            String unit = env("LIVENESS_UNIT_NAME", "");
            if (unit.isEmpty()) {
                unit = Files.readString(Path.of("/proc/sys/kernel/hostname")).strip();
            }
            error = Path.of(env("LIVENESS_RUNDIR", "/run"), unit, "error");
            pid = error.resolveSibling("pid");
        }

        /** Sets the state if it has changed, or if the last set failed. Else it beats. */
        void report(State state) {
            if (state.equals(recorded)) {
                beat();
                return;
            }
            // -pid makes healthctl refuse if another process has the unit now.
            String code = Integer.toString(state.code());
            int status = state.reason().isEmpty()
                    ? healthctl("set", "-pid", PID, "--", code)
                    : healthctl("set", "-pid", PID, "--", code, state.reason());
            // If set ran and failed (1), it has cleared the old state itself where it may. If it did
            // not run, or crashed because it could not start a thread (2), the old 0 is still there.
            if (state.code() != 0 && status != 0 && status != 1) {
                clear();
            }
            recorded = status == 0 ? state : null; // null: the next turn tries again
            beaten = System.nanoTime();
        }

        /**
         * Empties the file error, so that no old 0 is left: the probe takes that for unhealthy. It starts
         * no process, so it works at the limit of processes too. It never makes the file, and follows no
         * link. The file is opened before the look at pid: if another process loads after that, this is no
         * longer the file that the probe reads.
         */
        private void clear() {
            LinkOption noLinks = LinkOption.NOFOLLOW_LINKS;
            try {
                if (!Files.isRegularFile(error, noLinks) || !Files.isRegularFile(pid, noLinks)) {
                    return; // to open a FIFO would wait for its other end
                }
                try (FileChannel file = FileChannel.open(error, StandardOpenOption.WRITE, noLinks)) {
                    if (Files.getAttribute(error, "unix:nlink", noLinks).equals(1) && Files.readString(pid).strip().equals(PID)) {
                        file.truncate(0);
                        Files.setLastModifiedTime(error, FileTime.from(Instant.now())); // truncate leaves an empty file as it is
                    }
                }
            } catch (IOException e) {
                log(e);
            }
        }

        /**
         * Sets the modification time of error to now, which is all that a heartbeat is. It is much cheaper
         * than to start "healthctl beat". It never makes the file: if someone has reset the unit, there is
         * none, and the next turn sets again.
         */
        private void beat() {
            if (System.nanoTime() - beaten < BEAT_EVERY * 1_000_000) {
                return;
            }
            beaten = System.nanoTime();
            try {
                Files.setLastModifiedTime(error, FileTime.from(Instant.now()));
            } catch (IOException e) {
                log(e);
                recorded = null;
            }
        }
    }

    /**
     * One turn of the main loop. One place decides what the unit says. Else the end of one error would hide
     * another that goes on.
     */
    static State turn() {
        try {
            work();
        } catch (IOException e) {
            return new State(4, e.toString());
        }
        if (!checkUpstream()) {
            return new State(3, "upstream db unreachable");
        }
        return new State(0, "");
    }

    /** Processes the files that are new. An exception says what is wrong. */
    static void work() throws IOException {
        for (Path source : list("*.in")) {
            String name = source.getFileName().toString();
            Path target = SPOOL.resolve(name.substring(0, name.length() - ".in".length()) + ".out");
            if (Files.exists(target)) {
                continue; // done
            }
            Files.writeString(target, sha256(Files.readAllBytes(source)) + "\n");
        }
    }

    /** Returns whether the upstream accepts connections within 2 s. DNS may take longer: choose MAX_AGE above that. */
    static boolean checkUpstream() {
        if (UPSTREAM.isEmpty()) {
            return true;
        }
        int colon = UPSTREAM.lastIndexOf(':');
        try (Socket socket = new Socket()) {
            String host = UPSTREAM.substring(0, colon);
            socket.connect(new InetSocketAddress(host, Integer.parseInt(UPSTREAM.substring(colon + 1))), 2000);
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    /** Checks what must be in order before the start. */
    static void checkSpool() throws IOException {
        Files.delete(Files.createTempFile(SPOOL, ".check-", ""));
    }

    static List<Path> list(String pattern) throws IOException {
        List<Path> paths = new ArrayList<>();
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(SPOOL, pattern)) {
            stream.forEach(paths::add);
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
        return paths;
    }

    static String sha256(byte[] content) {
        StringBuilder hex = new StringBuilder();
        try {
            for (byte b : MessageDigest.getInstance("SHA-256").digest(content)) {
                hex.append(String.format("%02x", b));
            }
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every JVM has it
        }
        return hex.toString();
    }

    /** An empty variable counts as unset, as it does for healthctl. */
    static String env(String name, String otherwise) {
        String value = System.getenv(name);
        return value == null || value.isEmpty() ? otherwise : value;
    }

    static void log(Object message) {
        System.err.println("worker: " + message);
    }
}
