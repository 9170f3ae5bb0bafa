import java.net.URI;
import java.nio.file.*;
import java.util.*;
import software.amazon.awssdk.core.async.AsyncRequestBody;
import software.amazon.awssdk.core.checksums.*;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3AsyncClient;
import software.amazon.awssdk.services.s3.model.*;
import software.amazon.awssdk.transfer.s3.S3TransferManager;
import software.amazon.awssdk.transfer.s3.model.FailedFileDownload;

/**
 * Backups in a bucket: put FOLDER NAME, get NAME FOLDER, list. Objects come one by one, so a folder counts once its mark is there,
 * which is written last. Where the words for the store are is what the SDK asks everybody: its environment, profile, or machine.
 * Nodes run what compile-store.mjs made of this: images of Cassandra have a Java that compiles nothing.
 */
public class Store {
  static final String BUCKET = System.getProperty("bucket");
  static final String ENDPOINT = System.getProperty("endpoint");
  static final String REGION = System.getProperty("region");
  static final String PLACE = System.getProperty("place");
  static final String MARKS = PLACE + "whole/";
  static final String DATA = PLACE + "data/";

  public static void main(String[] arguments) {
    var builder = S3AsyncClient.builder()
        .region(Region.of(REGION))
        .multipartEnabled(true)
        // Stores that are not Amazon's know no checksums behind the body.
        .requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED)
        .responseChecksumValidation(ResponseChecksumValidation.WHEN_REQUIRED);
    if (!ENDPOINT.isEmpty()) builder.endpointOverride(URI.create(ENDPOINT)).forcePathStyle(true);
    try {
      var client = builder.build();
      var transfers = S3TransferManager.builder().s3Client(client).build();
      switch (arguments[0]) {
        case "put":
          put(client, transfers, Path.of(arguments[1]), arguments[2]);
          break;
        case "get":
          get(transfers, arguments[1], Path.of(arguments[2]));
          break;
        case "list":
          keys(client, MARKS).forEach(key -> System.out.println(key.substring(MARKS.length())));
          break;
        default:
          throw new IllegalArgumentException(arguments[0]);
      }
      // A close of the client would wait some seconds for requests that nobody makes any more.
      System.exit(0);
    } catch (Exception error) {
      Throwable cause = error;
      while (cause.getCause() != null) cause = cause.getCause();
      System.err.println("s3://" + BUCKET + "/" + PLACE + ": " + cause.getMessage());
      System.exit(1);
    }
  }

  /** One that was cut off may have left anything. */
  static void put(S3AsyncClient client, S3TransferManager transfers, Path folder, String name) {
    delete(client, List.of(MARKS + name));
    delete(client, keys(client, DATA + name + "/"));
    var done = transfers
        .uploadDirectory(request -> request.source(folder).bucket(BUCKET).s3Prefix(DATA + name))
        .completionFuture()
        .join();
    for (var failed : done.failedTransfers()) throw new IllegalStateException(failed.toString(), failed.exception());
    client.putObject(request -> request.bucket(BUCKET).key(MARKS + name), AsyncRequestBody.empty()).join();
  }

  static void get(S3TransferManager transfers, String name, Path folder) {
    var done = transfers
        .downloadDirectory(request -> request
            .destination(folder)
            .bucket(BUCKET)
            .listObjectsV2RequestTransformer(list -> list.prefix(DATA + name + "/")))
        .completionFuture()
        .join();
    for (FailedFileDownload failed : done.failedTransfers())
      throw new IllegalStateException(failed.toString(), failed.exception());
  }

  static List<String> keys(S3AsyncClient client, String prefix) {
    var keys = new ArrayList<String>();
    client
        .listObjectsV2Paginator(request -> request.bucket(BUCKET).prefix(prefix))
        .contents()
        .subscribe(object -> keys.add(object.key()))
        .join();
    return keys;
  }

  static void delete(S3AsyncClient client, List<String> keys) {
    for (var key : keys) client.deleteObject(request -> request.bucket(BUCKET).key(key)).join();
  }
}
