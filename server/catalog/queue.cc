#include "server/catalog/queue.h"

#include "server/catalog/columns.h"
#include "server/catalog/soci.h"

namespace alignflow {

QueueLook LookAtQueue(Sql& sql) {
  QueueLook look;
  std::string kind;
  int64_t pretrained = 0, tasks = 0;
  soci::statement select = (sql.prepare << "SELECT kind, pretrained, tasks FROM queue_counts",
                            soci::into(kind), soci::into(pretrained), soci::into(tasks));
  select.execute();
  while (select.fetch()) look.tasks[{kind, pretrained != 0}] = tasks;
  for (const int64_t with_model : {0, 1}) {
    int64_t queued = 0;
    sql << "SELECT queue_time FROM tasks WHERE state = 'queued' AND (model <> '') = :pretrained "
           "ORDER BY queue_time LIMIT 1",
        soci::use(with_model), soci::into(queued);
    if (sql.got_data()) look.oldest[with_model != 0] = TimeOf(queued);
  }
  return look;
}

}  // namespace alignflow
