import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.function.Supplier;

/**
 * Runs one Elasticsearch (8, 9) or OpenSearch (2, 3) node from its jars, without the distribution around them.
 *
 * <p>The two are siblings, and everything goes through reflection: one class file, made by the Java 17 compiler, starts
 * servers that are themselves compiled for Java 21. The distribution's own main class is left out because it wants its
 * native libraries, its security manager or its entitlement agent, none of which a test node needs.
 *
 * <p>Arguments: "elasticsearch" or "opensearch"; the home directory with config/NAME.yml and modules/.
 */
public final class SearchNode {

    public static void main(String[] arguments) throws Exception {
        String name = arguments[0];
        Path home = Path.of(arguments[1]);
        String root = "org." + name + ".";

        Class<?> settingsClass = Class.forName(root + "common.settings.Settings");
        Object noSettings = settingsClass.getField("EMPTY").get(null);
        Class<?> logging = Class.forName(root + "common.logging.LogConfigurator");
        Method bridge = find(logging, "configureESLogging", 0);
        if (bridge != null) {
            bridge.invoke(null);
        }
        logging.getMethod("configureWithoutConfig", settingsClass).invoke(null, noSettings);

        Supplier<String> nodeName = () -> "test";
        Object environment = find(Class.forName(root + "node.InternalSettingsPreparer"), "prepareEnvironment", 4)
            .invoke(null, noSettings, Map.of("path.home", home.toString()), home.resolve("config"), nodeName);

        Object node = node(root, environment, home.resolve("modules"));
        CountDownLatch end = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.getClass().getMethod("close").invoke(node);
            } catch (ReflectiveOperationException error) {
                error.printStackTrace();
            }
            end.countDown();
        }));
        node.getClass().getMethod("start").invoke(node);
        end.await();
    }

    /** OpenSearch finds its modules itself; Elasticsearch wants them loaded before the node is made. */
    private static Object node(String root, Object environment, Path modules) throws Exception {
        Class<?> nodeClass = Class.forName(root + "node.Node");
        Class<?> environmentClass = Class.forName(root + "env.Environment");
        if (root.contains("opensearch")) {
            return nodeClass.getConstructor(environmentClass).newInstance(environment);
        }
        Class<?> loader = Class.forName(root + "plugins.PluginsLoader");
        Method bundles = find(loader, "loadModulesBundles", 1);
        Object found = bundles != null
            ? bundles.invoke(null, modules)
            : find(loader, "loadModulesBundles", 2).invoke(null, modules, false);  // false: not serverless, from 9.5
        // The last false: the server stands on the class path, so there are no exports of its module to open.
        Object plugins = find(loader, "createPluginsLoader", 4).invoke(null, found, Set.of(), Map.of(), false);
        Constructor<?> make = nodeClass.getConstructor(environmentClass, loader);
        return make.newInstance(environment, plugins);
    }

    private static Method find(Class<?> owner, String name, int parameters) {
        for (Method method : owner.getMethods()) {
            if (method.getName().equals(name) && method.getParameterCount() == parameters) {
                return method;
            }
        }
        return null;
    }
}
